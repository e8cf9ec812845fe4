import { copyFile, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fenced, missing, refuse, refuseWishes, stopped, there } from './errors.js';
import { field } from './source.js';
import { folderOf, hold, lock, takeOver, unlock } from './stage.js';

export const MODES = ['APPEND', 'OVERWRITE'];

export function target(root, fileOf) {
  return {
    traits: { modes: MODES, publish: ['swap'], maxWriters: 4, splitBytes: null, expires: null },
    async prepare(load) {
      checkLoad(load);
      if (!load.create && !(await there(stat(fileOf(load.object))))) throw missing(load.object);
      const visible = 'Others see the old file until the new one takes its place.';
      return { ddl: null, publish: 'swap', visible, fields: load.fields.map(({ name }) => field(name)) };
    },
    async begin(load, lease) {
      checkLoad(load);
      const resumed = await hold(root, lease);
      const handle = { object: load.object, mode: load.mode, columns: load.fields.map(({ name }) => name) };
      return { handle, resumed };
    },
    async writer(handle, { split }, lease, signal) {
      const { columns } = handleOf(handle);
      if (!(await takeOver(root, lease))) throw fenced();
      return writer(folderOf(root, lease), split, columns, signal);
    },
    async verify(handle, receipts, lease) {
      handleOf(handle);
      await takeOver(root, lease);
      const counts = await Promise.all(receipts.map(({ split }) => linesIn(sealed(folderOf(root, lease), split))));
      const ok = receipts.every(({ rows }, at) => counts[at] === rows);
      const rows = counts.reduce((sum, count) => sum + count, 0);
      return { ok, rows, message: `${rows} lines are staged.` };
    },
    async commit(handle, receipts, lease, signal) {
      const { object, mode } = handleOf(handle);
      if (!(await takeOver(root, lease))) throw fenced();
      const folder = folderOf(root, lease);
      if (await isPublished(folder)) return unlock(root, object, lease);
      await checkReceipts(folder, receipts);
      await lock(root, object, lease);
      try {
        await build(folder, mode === 'APPEND' ? fileOf(object) : null, receipts);
        await until(signal, held(rename(join(folder, 'whole'), fileOf(object))));
      } finally {
        await unlock(root, object, lease);
      }
    },
    async outcome(handle, lease) {
      handleOf(handle);
      if (!(await takeOver(root, lease))) return 'gone';
      return (await isPublished(folderOf(root, lease))) ? 'committed' : 'open';
    },
    abort: (handle, lease) => end(root, handle, lease),
    forget: (handle, lease) => end(root, handle, lease),
  };
}

const sealed = (folder, split) => join(folder, `${split}.jsonl`);

/** Rows go into a file of this writer's own; the seal gives it the split's name. */
async function writer(folder, split, columns, signal) {
  const path = join(folder, `${split}.${process.pid}.${Math.random().toString(36).slice(2)}.part`);
  const file = await held(open(path, 'wx'));
  let rows = 0;
  let isSealed = false;
  return {
    async write(batch) {
      let text = '';
      for (let row = 0; row < batch.rows; row++)
        text += `${JSON.stringify(Object.fromEntries(columns.map((name, at) => [name, textAt(batch.columns[at], row)])))}\n`;
      await until(signal, file.appendFile(text));
      rows += batch.rows;
    },
    async seal() {
      await file.sync();
      await until(signal, held(rename(path, sealed(folder, split))));
      isSealed = true;
      const { size } = await file.stat();
      return { split, rows, bytes: size, detail: null };
    },
    async [Symbol.asyncDispose]() {
      await file.close();
      if (!isSealed) await rm(path, { force: true });
    },
  };
}

const textAt = ({ validity, offsets, data }, row) =>
  validity !== undefined && (validity[row >> 3] & (1 << (row & 7))) === 0
    ? null
    : Buffer.from(data.subarray(offsets[row], offsets[row + 1])).toString('utf8');

/** The old lines and the new ones, whole and on disk. The mark beside it comes after, and means that. */
async function build(folder, old, receipts) {
  const [whole, made] = [join(folder, 'whole'), join(folder, 'whole.part')];
  await rm(join(folder, 'ready'), { force: true });
  await held(writeFile(made, ''));
  if (old !== null) await there(copyFile(old, made));
  const file = await held(open(made, 'a'));
  try {
    for (const { split } of receipts) {
      const part = await held(open(sealed(folder, split)));
      try {
        for await (const piece of part.createReadStream({ autoClose: false })) await file.appendFile(piece);
      } finally {
        await part.close();
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await held(rename(made, whole));
  await held(writeFile(join(folder, 'ready'), ''));
}

/** The rename that publishes takes `whole` away in the same step: where it was ready and is gone, it is published. */
async function isPublished(folder) {
  return (await there(stat(join(folder, 'ready')))) && !(await there(stat(join(folder, 'whole'))));
}

async function checkReceipts(folder, receipts) {
  const names = (await readdir(folder)).filter((name) => /^\d+\.jsonl$/.test(name));
  const counts = await Promise.all(receipts.map(({ split }) => linesIn(sealed(folder, split))));
  if (names.length === receipts.length && receipts.every(({ rows }, at) => counts[at] === rows)) return;
  throw refuse('data', 'RECEIPTS_DIFFER', 'What is staged is not what the receipts say.', 'Run it anew.');
}

async function linesIn(path) {
  let lines = 0;
  const file = await open(path).catch((error) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return -1;
  for await (const piece of file.createReadStream()) for (const byte of piece) if (byte === 10) lines++;
  return lines;
}

async function end(root, handle, lease) {
  const { object } = handleOf(handle);
  if (!(await takeOver(root, lease))) return;
  await unlock(root, object, lease);
  await rm(join(root, `.staged-${lease.instance}`), { recursive: true, force: true });
}

/** A folder that is gone has been taken over by a later attempt, or removed. */
const held = (work) =>
  work.catch((error) => {
    throw error.code === 'ENOENT' ? fenced() : error;
  });

/** The work, or the signal that comes before its end. */
async function until(signal, work) {
  let stop;
  const told = new Promise((_, reject) => {
    stop = () => reject(stopped());
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, told]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function checkLoad({ mode, fields, ddl, partition, preSql, postSql, publish, options }) {
  const way = publish === 'auto' || publish === 'swap' ? null : publish;
  refuseWishes({ ddl, partition, preSql, postSql, publish: way, ...options });
  if (!MODES.includes(mode))
    throw refuse('config', 'MODE_UNAVAILABLE', `${mode} is not available.`, 'Use APPEND or OVERWRITE.');
  if (fields.length === 0) throw refuse('config', 'NOTHING_MAPPED', 'No column is mapped.', 'Map one at least.');
  if (new Set(fields.map(({ name }) => name)).size !== fields.length)
    throw refuse('config', 'COLUMN_MAPPED_TWICE', 'A column is mapped twice.', 'Map each column once.');
}

function handleOf(handle) {
  if (typeof handle?.object === 'string' && MODES.includes(handle.mode) && Array.isArray(handle.columns)) return handle;
  throw refuse('bug', 'BAD_HANDLE', 'The stored handle is not one of this connector.', 'Run the task anew.');
}
