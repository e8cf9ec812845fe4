// A connector without dependencies: each object is a file `<name>.jsonl` in a folder, one row a line.
// As a target it appends or overwrites: rows are written beside the object, and one rename publishes them.
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { missing, refuse, there } from './errors.js';
import { columnsOf, field, source } from './source.js';
import { MODES, target } from './target.js';

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

function open({ folder }) {
  const root = resolve(folder);
  /** An object's file; a name that leads out of the folder is refused. */
  const fileOf = (object) => {
    if (object !== basename(object) || object.startsWith('.'))
      throw refuse('config', 'BAD_NAME', `"${object}" is not the name of a file here.`, 'Use a name without slashes.');
    return join(root, `${object}.jsonl`);
  };
  const existing = async (object) => {
    if (!(await there(stat(fileOf(object))))) throw missing(object);
    return fileOf(object);
  };
  const reached = async () => {
    if (!(await there(stat(root))))
      throw refuse('missing', 'FOLDER_NOT_FOUND', `There is no folder ${root}.`, 'Create it, or correct "folder".');
  };
  return {
    async *check() {
      const ok = await there(stat(root));
      const message = ok ? 'The folder is there.' : `There is no folder ${root}.`;
      yield { step: 'login', ok, millis: null, message, hint: ok ? null : 'Create it.' };
    },
    async *objects({ search }) {
      await reached();
      for (const name of (await readdir(root)).sort())
        if (name.endsWith('.jsonl') && !name.startsWith('.') && (search === null || name.includes(search)))
          yield { name: name.slice(0, -6), kind: 'FILES', rowEstimate: null, byteEstimate: null };
    },
    async describe(object) {
      await reached();
      const fields = (await columnsOf(await existing(object))).map(field);
      return { object, kind: 'FILES', fields, partitionFields: [], keys: [], rowEstimate: null, byteEstimate: null };
    },
    source: source(existing),
    target: target(root, fileOf),
    async [Symbol.asyncDispose]() {},
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
