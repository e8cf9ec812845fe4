import type { Duplex } from 'node:stream';

/** A catalogue of 100,000 objects takes some 20 MB. */
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_AT_ONCE = 32;
const LINE_END = 10;

/** What came over the pipe is no message. */
export class ProtocolError extends Error {}

/**
 * Hands each message of the other side to `take`: lines of JSON. At most 32 are being taken at a time, what follows waits
 * in the pipe: a side that floods the other slows itself down. Resolves when the pipe has ended.
 * @throws ProtocolError at what is no message, and whatever `take` throws or rejects with
 */
export async function receive(pipe: Duplex, take: (message: unknown) => Promise<void> | void): Promise<void> {
  const taking = new Set<Promise<void>>();
  let failure: unknown;
  for await (const line of linesOf(pipe)) {
    while (taking.size >= MOST_AT_ONCE) await Promise.race(taking);
    if (failure !== undefined) throw failure;
    const work = Promise.resolve(take(parse(line)))
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => taking.delete(work));
    taking.add(work);
  }
  await Promise.all(taking);
  if (failure !== undefined) throw failure;
}

/** Sends a message; to a side that has gone, nothing. @throws TypeError where it is not plain JSON */
export function post(pipe: Duplex, message: object): void {
  const line = `${JSON.stringify(message)}\n`;
  if (pipe.writable) pipe.write(line);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new ProtocolError('a line that is not JSON');
  }
}

async function* linesOf(pipe: Duplex): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(pipe)) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, end)]).toString('utf8');
      parts = [];
      bytes = 0;
      from = end + 1;
    }
    parts.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > MOST_BYTES) throw new ProtocolError(`a message of more than ${MOST_BYTES / 1024 / 1024} MB`);
  }
}

/** A pipe that breaks has ended. */
async function* chunksOf(pipe: Duplex): AsyncGenerator<Buffer> {
  const chunks = (pipe as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch(() => ({ done: true as const, value: undefined }));
    if (next.done) return;
    yield next.value;
  }
}
