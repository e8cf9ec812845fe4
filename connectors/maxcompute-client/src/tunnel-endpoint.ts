import type { Http } from './http.ts';
import { resourceOf } from './resource.ts';
import { ask, strange } from './rest.ts';

/**
 * The tunnel's endpoint: the one configured, else the one the service names for the quota. It is asked once, and what it
 * said is in `http.options` from then on.
 */
export async function tunnelEndpoint(http: Http, signal?: AbortSignal): Promise<string> {
  const { tunnelEndpoint: known, endpoint, project, quota } = http.options;
  if (known !== undefined) return known;
  const query = { service: '', quotaName: quota, curr_schema: undefined };
  const answer = await ask(http, `${resourceOf('projects', project)}/tunnel`, query, signal);
  const place = answer.body.trim();
  // A name or address and perhaps a port: anything else would let an answer choose the path, too.
  if (!/^(\[[0-9a-f:]+\]|[\w.-]+)(:\d{1,5})?$/i.test(place)) throw strange(answer);
  const found = `${new URL(endpoint).protocol}//${place}`;
  http.options.tunnelEndpoint = found;
  return found;
}
