import { elements, textOf } from '@sampan/maxcompute';
import type { Instance } from './instances.ts';
import { tableXml } from './metadata.ts';
import { Refusal } from './refusal.ts';
import { bodyText, type Request } from './request.ts';
import { keyOf } from './schemas.ts';
import type { Storage } from './storage.ts';

const MOST_TABLES = 100;

/** `POST …/tables?query`: many tables in one request; those that are not there are left out. @throws Refusal */
export async function tablesByName(storage: Storage, request: Request, schema: string): Promise<string> {
  const wanted = elements(await bodyText(request.message), 'Table').map(({ content }) => content);
  if (wanted.length > MOST_TABLES)
    throw new Refusal(400, 'InvalidParameter', `${wanted.length} tables are asked for, at most ${MOST_TABLES} may be.`);
  const found: string[] = [];
  for (const one of wanted) {
    const project = textOf(one, 'Project') ?? storage.project;
    const there = storage.projects.get(project.toLowerCase());
    if (there === undefined) throw new Refusal(404, 'NoSuchProject', `ODPS-0420111:Project not found - '${project}'.`);
    const manifest = await there.get(keyOf(textOf(one, 'Schema') || schema, textOf(one, 'Name') ?? ''));
    if (manifest !== undefined) found.push(tableXml(there.project, manifest));
  }
  return `<Tables>${found.join('')}</Tables>`;
}

const PAGE = 1_000;

/** The instances that a list asks for, newest first, and the marker of the next page. @throws Refusal */
export function chosenInstances(
  instances: readonly Instance[],
  query: ReadonlyMap<string, string>,
): { shown: Instance[]; marker: string } {
  const status = query.get('status')?.toLowerCase();
  const [from, to] = rangeOf(query.get('daterange') ?? ':');
  const after = query.get('marker') ?? '';
  const size = Number(query.get('maxitems') ?? PAGE) || PAGE;
  const matching = instances.filter((one) => {
    const started = Math.floor(one.startedAt.getTime() / 1_000);
    const state = one.status === 'Running' ? 'running' : 'terminated';
    return (status === undefined || status === state) && started >= from && started <= to;
  });
  const rest = after === '' ? matching : matching.slice(matching.findIndex((one) => one.id === after) + 1);
  return { shown: rest.slice(0, size), marker: rest.length > size ? rest[size - 1].id : '' };
}

function rangeOf(text: string): [number, number] {
  const match = /^(\d*):(\d*)$/.exec(text);
  if (match === null)
    throw new Refusal(400, 'InvalidParameter', `"${text}" is not a daterange of two times in seconds.`);
  return [Number(match[1]), match[2] === '' ? Number.POSITIVE_INFINITY : Number(match[2])];
}
