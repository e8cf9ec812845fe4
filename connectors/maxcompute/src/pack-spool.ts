import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectorError } from '@sampan/connector';
import type { UpsertPack } from '@sampan/maxcompute';

/** A pack that waits: its bytes are in memory or in the file. */
interface Waiting {
  bucket: number;
  rows: number;
  body: Buffer | { at: number; bytes: number };
}

/** What a split may hold in memory before it goes to a file. */
const MEMORY_BYTES = 8 * 1024 * 1024;

/**
 * The packs of one split until it is sealed. More than a little goes to a file in the folder for temporary files, which
 * is removed as soon as it is open: whatever ends the process takes it along.
 */
export class PackSpool {
  bytes = 0;
  readonly #packs: Waiting[] = [];
  #inMemory = 0;
  #file: FileHandle | null = null;
  #end = 0;

  /** @throws ConnectorError `NO_ROOM` where the file cannot be written */
  async add({ bucket, rows, body }: UpsertPack): Promise<void> {
    this.bytes += body.length;
    if (this.#inMemory + body.length <= MEMORY_BYTES) {
      this.#inMemory += body.length;
      this.#packs.push({ bucket, rows, body });
      return;
    }
    try {
      this.#file ??= await openTemporary();
      await this.#file.write(body, 0, body.length, this.#end);
    } catch (error) {
      throw noRoom(error as Error);
    }
    this.#packs.push({ bucket, rows, body: { at: this.#end, bytes: body.length } });
    this.#end += body.length;
  }

  /** In the order in which they came. */
  get packs(): readonly Waiting[] {
    return this.#packs;
  }

  async read({ bucket, rows, body }: Waiting): Promise<UpsertPack> {
    if (Buffer.isBuffer(body)) return { bucket, rows, body };
    const bytes = Buffer.allocUnsafeSlow(body.bytes);
    const { bytesRead } = await this.#file!.read(bytes, 0, body.bytes, body.at);
    if (bytesRead !== body.bytes) throw noRoom(new Error('a part of it is missing'));
    return { bucket, rows, body: bytes };
  }

  async close(): Promise<void> {
    this.#packs.length = 0;
    await this.#file?.close();
    this.#file = null;
  }
}

async function openTemporary(): Promise<FileHandle> {
  const path = join(tmpdir(), `sampan-upsert-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  try {
    await unlink(path);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

const noRoom = (cause: Error) =>
  new ConnectorError({
    kind: 'busy',
    code: 'NO_ROOM',
    message: `Rows cannot be kept in ${tmpdir()} until their split is whole: ${cause.message}.`,
    hint: 'Make room there, name another folder in TMPDIR, or ask for more and smaller splits.',
    cause,
  });
