import { MaxComputeError } from './errors.ts';

/** A decoded path of these segments. @throws MaxComputeError `BadName` where a name cannot be one */
export function resourceOf(...segments: string[]): string {
  for (const name of segments) {
    // A slash would make two segments of one name, and the signature covers the decoded path.
    if (name === '' || /[/\p{Cc}]/u.test(name))
      throw new MaxComputeError({
        code: 'BadName',
        kind: 'config',
        message: `${JSON.stringify(name)} cannot be the name of a project, schema, table or session.`,
        hint: 'Names have letters, digits and underscores.',
      });
  }
  return `/${segments.join('/')}`;
}
