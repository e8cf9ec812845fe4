import type { ServerResponse } from 'node:http';
import type { Fault, Faults } from './faults.ts';
import { Refusal } from './refusal.ts';
import { json, type Reply } from './reply.ts';
import { bodyText, type Request } from './request.ts';

/** `/__faults`: GET lists, POST adds one or a list of them, DELETE clears. */
export async function answerFaults(faults: Faults, request: Request): Promise<Reply> {
  if (request.method === 'DELETE') faults.clear();
  if (request.method === 'POST') {
    try {
      for (const fault of [JSON.parse(await bodyText(request.message))].flat() as Fault[]) faults.add(fault);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal(400, 'InvalidArgument', (error as Error).message);
    }
  }
  return json(faults.list());
}

/** Has the answer break off, together with its connection, after so many bytes of its body. */
export function cutAnswer(response: ServerResponse, bytes: number): void {
  let left = bytes;
  const write = response.write.bind(response) as (part: Buffer) => boolean;
  const cut = (part: unknown): boolean => {
    const whole =
      typeof part === 'string' || part instanceof Uint8Array ? Buffer.from(part as Uint8Array) : Buffer.alloc(0);
    if (left > 0 && whole.length > 0) write(whole.subarray(0, left));
    left -= whole.length;
    // What was written is on its way before the connection ends.
    if (left <= 0) setTimeout(() => response.destroy(), 20);
    return true;
  };
  response.write = cut as typeof response.write;
  response.end = ((part?: unknown) => {
    left = Math.min(left, part === undefined ? 0 : left);
    cut(part);
    setTimeout(() => response.destroy(), 20);
    return response;
  }) as typeof response.end;
}
