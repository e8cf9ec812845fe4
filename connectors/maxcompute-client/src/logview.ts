import type { Http } from './http.ts';
import { instancePath } from './instances.ts';
import { resourceOf } from './resource.ts';
import { ask, parseJson, strange } from './rest.ts';
import { textOf } from './xml.ts';

/**
 * The address at which people see what an instance does. Whoever has it can read the instance for that long, without an
 * account. As the Java SDK's `LogView` makes it, version 1.
 * @param hours how long (default 24)
 */
export async function logviewAddress(http: Http, id: string, hours = 24, signal?: AbortSignal): Promise<string> {
  const { endpoint, project } = http.options;
  const policy = {
    Statement: [{ Action: ['odps:Read'], Effect: 'Allow', Resource: `acs:odps:*:${instancePath(http, id).slice(1)}` }],
    Version: '1',
  };
  const answer = await http.call({
    method: 'POST',
    base: endpoint,
    resource: `${resourceOf('projects', project)}/authorization`,
    query: { sign_bearer_token: '', curr_project: project },
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ expires_in_hours: hours, policy }),
    repeatable: true,
    signal,
  });
  const token = answer.body.trimStart().startsWith('{')
    ? parseJson(answer.body, answer).result
    : textOf(answer.body, 'Result');
  if (typeof token !== 'string' || token === '') throw strange(answer);
  const query = { h: endpoint, p: project, i: id, token };
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${await host(http, signal)}/logview/?${pairs.join('&')}`;
}

async function host(http: Http, signal?: AbortSignal): Promise<string> {
  const answer = await ask(http, '/logview/host', { curr_schema: undefined }, signal);
  const text = answer.body.trim();
  // A page of something else would become part of an address.
  if (!/^https?:\/\/[\w.:-]+$/.test(text)) throw strange(answer);
  return text;
}
