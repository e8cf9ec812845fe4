import type { Out } from './writer-bytes.ts';

type Copy = (out: Out, from: number, to: number) => void;

/** How cells are written down: as the lines of LOAD DATA, or as the values of an INSERT. */
export interface Dialect {
  rowStart: string;
  between: string;
  rowEnd: string;
  nothing: string;
  /** Around numbers with punctuation. */
  quote(out: Out): void;
  /** Copiers for the cells of one column, which lie in `data` from `first` to `last`. */
  text(data: Uint8Array, first: number, last: number): Copy;
  binary(data: Uint8Array, first: number, last: number): Copy;
}

/** LOAD DATA with three bytes that texts hardly hold, so that most columns need no escapes at all. */
export const ESCAPE = 0x01;
export const FIELD_END = 0x02;
export const LINE_END = 0x03;

export const loadDialect: Dialect = {
  rowStart: '',
  between: String.fromCharCode(FIELD_END),
  rowEnd: String.fromCharCode(LINE_END),
  nothing: `${String.fromCharCode(ESCAPE)}N`,
  quote() {},
  text: loadCells,
  binary: loadCells,
};

function loadCells(data: Uint8Array, first: number, last: number): Copy {
  const region = Buffer.from(data.buffer, data.byteOffset + first, last - first);
  const clean = !region.includes(ESCAPE) && !region.includes(FIELD_END) && !region.includes(LINE_END);
  return clean ? plainCopy(data) : escapedCopy(data);
}

function plainCopy(data: Uint8Array): Copy {
  return (out, from, to) => {
    const { bytes } = out;
    let at = out.at;
    if (to - from > 48) {
      bytes.set(data.subarray(from, to), at);
      at += to - from;
    } else {
      for (let i = from; i < to; i++) bytes[at++] = data[i];
    }
    out.at = at;
  };
}

function escapedCopy(data: Uint8Array): Copy {
  return (out, from, to) => {
    const { bytes } = out;
    let at = out.at;
    for (let i = from; i < to; i++) {
      const byte = data[i];
      if (byte <= LINE_END && byte >= ESCAPE) bytes[at++] = ESCAPE;
      bytes[at++] = byte;
    }
    out.at = at;
  };
}

export const insertDialect: Dialect = {
  rowStart: '(',
  between: ',',
  rowEnd: '),',
  nothing: 'NULL',
  quote(out) {
    out.bytes[out.at++] = 39;
  },
  text: (data) => (out, from, to) => {
    const { bytes } = out;
    let at = out.at;
    bytes[at++] = 39;
    for (let i = from; i < to; i++) {
      const byte = data[i];
      if (byte === 39 || byte === 92 || byte === 0) bytes[at++] = 92;
      bytes[at++] = byte === 0 ? 48 : byte;
    }
    bytes[at++] = 39;
    out.at = at;
  },
  binary: (data) => (out, from, to) => {
    out.at += out.bytes.write("X'", out.at, 'latin1');
    out.at += out.bytes.write(
      Buffer.from(data.buffer, data.byteOffset + from, to - from).toString('hex'),
      out.at,
      'latin1',
    );
    out.bytes[out.at++] = 39;
  },
};
