import { Transform, type TransformCallback } from 'node:stream';
import { MaxComputeError } from './errors.ts';

/** Reads a packed stream unit by unit, however it was cut on the way. */
export abstract class UnitTransform extends Transform {
  #pieces: Buffer[] = [];
  #held = 0;
  #needed = 1;

  /**
   * Takes the unit at the beginning of `bytes`, which has at least as many as were asked for, and gives how many bytes it
   * took; or gives, negative, how many it needs.
   * @throws RangeError where the bytes are wrong
   */
  protected abstract unit(bytes: Buffer): number;
  /** Whether the stream may end behind the last unit. */
  protected abstract whole(): boolean;

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    // A copy where it is kept: the writer may use its chunk again.
    this.#held += chunk.length;
    if (this.#held < this.#needed) {
      this.#pieces.push(Buffer.from(chunk));
      return done();
    }
    let bytes = this.#pieces.length === 0 ? chunk : Buffer.concat([...this.#pieces, chunk]);
    try {
      this.#needed = 1;
      while (bytes.length >= this.#needed) {
        const took = this.unit(bytes);
        this.#needed = took < 0 ? -took : 1;
        if (took > 0) bytes = bytes.subarray(took);
      }
    } catch (error) {
      return done(error instanceof RangeError ? broken(error.message) : (error as Error));
    }
    this.#pieces = bytes.length === 0 ? [] : [Buffer.from(bytes)];
    this.#held = bytes.length;
    done();
  }

  override _flush(done: TransformCallback): void {
    done(this.#held === 0 && this.whole() ? null : ended());
  }
}

function broken(what: string): MaxComputeError {
  return new MaxComputeError({
    code: 'MalformedDataStream',
    kind: 'data',
    message: `The rows are not packed as they say: ${what}.`,
    hint: 'Send or read them again.',
  });
}

function ended(): MaxComputeError {
  return new MaxComputeError({
    code: 'TruncatedDataStream',
    kind: 'busy',
    message: 'The packed rows end in their middle.',
    hint: 'Send or read them again.',
  });
}
