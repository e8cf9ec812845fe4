// A connector in one file and without dependencies: each object is a file `<name>.jsonl` in a folder, one row a line.
// As a target it appends or overwrites: rows are written beside the object, and one rename publishes them.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** An error of this connector: the server knows it by its name and looks at kind, code and hint. */
function refuse(kind, code, message, hint) {
  return Object.assign(new Error(message), {
    name: 'ConnectorError',
    kind,
    code,
    hint,
    retryAfterMs: null,
    side: null,
  });
}

const MODES = ['APPEND', 'OVERWRITE'];

const config = {
  schema: {
    type: 'object',
    properties: {
      folder: { type: 'string', title: 'Folder', description: 'Absolute path of the folder that holds the files.' },
    },
    required: ['folder'],
    additionalProperties: false,
  },
  secrets: [],
  endpoint: ['folder'],
  parse(options) {
    const unknown = Object.keys(options ?? {}).find((name) => name !== 'folder');
    if (unknown !== undefined)
      throw refuse('config', 'BAD_OPTION', `Option "${unknown}" is not known.`, 'The only option is "folder".');
    if (typeof options?.folder !== 'string' || options.folder === '')
      throw refuse('config', 'BAD_OPTION', 'Option "folder": a path is needed.', 'Correct the option "folder".');
    return { folder: options.folder };
  },
};

const TEXT = { kind: 'utf8' };
const field = (name) => ({ name, type: TEXT, native: 'text', nullable: true, generated: false });

function open({ folder }) {
  const root = resolve(folder);
  /** An object's file; a name that leads out of the folder is refused. */
  const fileOf = (object) => {
    if (object !== basename(object) || object.startsWith('.'))
      throw refuse('config', 'BAD_NAME', `"${object}" is not the name of a file here.`, 'Use a name without slashes.');
    return join(root, `${object}.jsonl`);
  };
  const linesOf = (object) => {
    if (!existsSync(fileOf(object)))
      throw refuse('missing', 'FILE_NOT_FOUND', `There is no ${object}.jsonl in the folder.`, 'Check the name.');
    return readFileSync(fileOf(object), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  };
  return {
    async *check() {
      const ok = existsSync(root);
      yield {
        step: 'login',
        ok,
        millis: null,
        message: ok ? 'The folder is there.' : `There is no folder ${root}.`,
        hint: ok ? null : 'Create it.',
      };
    },
    async *objects({ search }) {
      for (const name of readdirSync(root).sort()) {
        if (name.endsWith('.jsonl') && (search === null || name.includes(search)))
          yield { name: name.slice(0, -6), kind: 'FILES', rowEstimate: null, byteEstimate: null };
      }
    },
    async describe(object) {
      const names = [
        ...new Set(
          linesOf(object)
            .slice(0, 100)
            .flatMap((line) => Object.keys(JSON.parse(line))),
        ),
      ];
      return {
        object,
        kind: 'FILES',
        fields: names.map(field),
        partitionFields: [],
        keys: [],
        rowEstimate: null,
        byteEstimate: null,
      };
    },
    source: source(linesOf),
    target: target(root, fileOf),
    async [Symbol.asyncDispose]() {},
  };
}

/** What cannot be obeyed is refused: a filter that is passed over would copy rows that nobody wanted. */
function refuseWishes(wishes) {
  for (const [name, value] of Object.entries(wishes))
    if (value !== null && (!Array.isArray(value) || value.length > 0))
      throw refuse('config', 'OPTION_UNAVAILABLE', `"${name}" is not available here.`, 'Leave it out.');
}

/** One split: lines have no key to split by. The position is the number of lines read. */
function source(linesOf) {
  return {
    async plan({ object, columns, where, splitKey, options }) {
      refuseWishes({ where, splitKey, ...options });
      return {
        fields: columns.map(field),
        splits: [{ number: 0, description: 'all lines', rowEstimate: null, read: { object, columns } }],
        high: null,
        warnings: [],
      };
    },
    async *read({ read: { object, columns } }, after) {
      const lines = linesOf(object);
      for (let from = after ?? 0; from < lines.length; from += 1000) {
        const rows = lines.slice(from, from + 1000).map((line) => JSON.parse(line));
        yield {
          fields: columns.map(field),
          columns: columns.map((name) => textColumn(rows.map((row) => row[name]))),
          rows: rows.length,
          bytes: rows.length * 100,
          position: from + rows.length,
          rare: [],
          release() {},
        };
      }
    },
  };
}

/** A column of texts in the batch's layout: offsets into bytes, and a bit for each row that has a value. */
function textColumn(values) {
  const parts = values.map((value) =>
    Buffer.from(value == null ? '' : typeof value === 'string' ? value : JSON.stringify(value)),
  );
  const offsets = new Int32Array(values.length + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = offsets[row] + part.length;
  });
  const validity = new Uint8Array((values.length + 7) >> 3);
  values.forEach((value, row) => {
    if (value != null) validity[row >> 3] |= 1 << (row & 7);
  });
  return { length: values.length, validity, offsets, data: Buffer.concat(parts) };
}

const textAt = ({ validity, offsets, data }, row) =>
  validity !== undefined && (validity[row >> 3] & (1 << (row & 7))) === 0
    ? null
    : Buffer.from(data.subarray(offsets[row], offsets[row + 1])).toString('utf8');

/** Staged in a hidden folder of the instance. The highest attempt is written there: lower ones are refused. */
function target(root, fileOf) {
  const stage = (instance) => join(root, `.staged-${instance}`);
  const attemptFile = (instance) => join(stage(instance), 'attempt');
  const holder = (instance) =>
    existsSync(attemptFile(instance)) ? Number(readFileSync(attemptFile(instance), 'utf8')) : 0;
  const fence = ({ instance, attempt }) => {
    if (holder(instance) > attempt) throw refuse('busy', 'FENCED', 'A later attempt has taken over.', undefined);
  };
  const part = (instance, split) => join(stage(instance), `${split}.jsonl`);
  const published = (instance) => join(root, `.published-${instance}`);
  return {
    traits: { modes: MODES, publish: ['swap'], maxWriters: 4, splitBytes: null, expires: null },
    async prepare({ fields, mode, object, create, ddl, partition, preSql, postSql, publish, options }) {
      refuseWishes({
        ddl,
        partition,
        preSql,
        postSql,
        publish: ['auto', 'swap'].includes(publish) ? null : publish,
        ...options,
      });
      if (!create && !existsSync(fileOf(object)))
        throw refuse('missing', 'FILE_NOT_FOUND', `There is no ${object}.jsonl in the folder.`, 'Have it created.');
      if (mode !== 'APPEND' && mode !== 'OVERWRITE')
        throw refuse('config', 'MODE_UNAVAILABLE', `${mode} is not available.`, 'Use APPEND or OVERWRITE.');
      return {
        ddl: null,
        publish: 'swap',
        visible: 'Others see the old file until the new one takes its place.',
        fields: fields.map(({ name }) => field(name)),
      };
    },
    async begin({ object, mode, fields }, lease) {
      fence(lease);
      // Starting anew is always right: what an earlier attempt staged is thrown away.
      if (holder(lease.instance) < lease.attempt) rmSync(stage(lease.instance), { recursive: true, force: true });
      mkdirSync(stage(lease.instance), { recursive: true });
      writeFileSync(attemptFile(lease.instance), String(lease.attempt));
      return { handle: { object, mode, columns: fields.map(({ name }) => name) }, resumed: false };
    },
    async writer({ columns }, { split }, lease) {
      fence(lease);
      const path = part(lease.instance, split);
      const file = openSync(`${path}.part`, 'w');
      let rows = 0;
      return {
        async write(batch) {
          fence(lease);
          for (let row = 0; row < batch.rows; row++)
            writeSync(
              file,
              `${JSON.stringify(Object.fromEntries(columns.map((name, at) => [name, textAt(batch.columns[at], row)])))}\n`,
            );
          rows += batch.rows;
        },
        async seal() {
          fence(lease);
          renameSync(`${path}.part`, path);
          return { split, rows, bytes: 0, detail: null };
        },
        async [Symbol.asyncDispose]() {
          closeSync(file);
        },
      };
    },
    async verify(_handle, receipts, { instance }) {
      const count = (split) => readFileSync(part(instance, split), 'utf8').split('\n').length - 1;
      const rows = receipts.reduce((sum, receipt) => sum + count(receipt.split), 0);
      const ok = receipts.every((receipt) => count(receipt.split) === receipt.rows);
      return { ok, rows, message: `${rows} lines are staged.` };
    },
    async commit({ object, mode }, receipts, lease) {
      if (existsSync(published(lease.instance))) return;
      fence(lease);
      const old = mode === 'APPEND' && existsSync(fileOf(object)) ? readFileSync(fileOf(object)) : Buffer.alloc(0);
      const whole = join(stage(lease.instance), 'whole');
      writeFileSync(
        whole,
        Buffer.concat([old, ...receipts.map((receipt) => readFileSync(part(lease.instance, receipt.split)))]),
      );
      renameSync(whole, fileOf(object));
      writeFileSync(published(lease.instance), '');
    },
    async outcome(_handle, { instance }) {
      if (existsSync(published(instance))) return 'committed';
      // Between the rename and the mark nobody can tell: that is what this sample leaves to do better.
      if (existsSync(stage(instance)))
        return existsSync(join(stage(instance), 'whole')) || holder(instance) > 0 ? 'open' : 'unknown';
      return 'gone';
    },
    async abort(_handle, lease) {
      fence(lease);
      rmSync(stage(lease.instance), { recursive: true, force: true });
    },
    async forget(_handle, { instance }) {
      rmSync(stage(instance), { recursive: true, force: true });
      rmSync(published(instance), { force: true });
    },
  };
}

export default {
  api: 1,
  name: 'jsonl',
  title: 'JSON lines',
  roles: ['SOURCE', 'TARGET'],
  writeModes: MODES,
  config,
  open,
};
