import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fenced, refuse, there } from './errors.js';

/**
 * What a run stages lies in `.staged-<instance>/<attempt>`. A later attempt renames that folder to its own number: in one
 * step everything is its, and whatever an earlier one still tries meets a folder that is not there.
 */
export const folderOf = (root, { instance, attempt }) => join(root, `.staged-${instance}`, String(attempt));

/** The attempt that holds a run, or 0. */
async function holderOf(root, { instance }) {
  try {
    const names = await readdir(join(root, `.staged-${instance}`));
    return Math.max(0, ...names.map(Number).filter(Number.isInteger));
  } catch (error) {
    if (error.code === 'ENOENT') return 0;
    throw error;
  }
}

/** Takes over what a lower attempt has staged. Answers whether there is such a run. @throws where a higher one holds it */
export async function takeOver(root, lease) {
  for (;;) {
    const holder = await holderOf(root, lease);
    if (holder > lease.attempt) throw fenced();
    if (holder === 0 || holder === lease.attempt) return holder > 0;
    const from = folderOf(root, { ...lease, attempt: holder });
    // Where it is gone, somebody else has just taken it: look again.
    await there(rename(from, folderOf(root, lease)));
  }
}

export async function hold(root, lease) {
  const resumed = await takeOver(root, lease);
  if (!resumed) await mkdir(folderOf(root, lease), { recursive: true });
  return resumed;
}

const lockOf = (root, object) => join(root, `.lock-${object}`);
const nameOf = ({ instance, attempt }) => `${instance}.${attempt}`;

/**
 * One run at a time builds the new file from the old one. The lock is a folder with the holder's name in it: it is made
 * beside and renamed into place, which fails while another's lies there; a later attempt renames its own run's to itself;
 * and each takes away its own name only.
 */
export async function lock(root, object, lease) {
  const made = join(folderOf(root, lease), 'lock');
  if (!(await there(mkdir(made, { recursive: true })))) throw fenced();
  await writeFile(join(made, nameOf(lease)), '').catch(() => {
    throw fenced();
  });
  try {
    await rename(made, lockOf(root, object));
    return;
  } catch (error) {
    if (error.code === 'ENOENT') throw fenced();
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
  await rm(made, { recursive: true, force: true });
  const [holder] = await readdir(lockOf(root, object));
  const ours = holder?.startsWith(`${lease.instance}.`) === true;
  const paths = [holder ?? '', nameOf(lease)].map((name) => join(lockOf(root, object), name));
  if (ours && (await there(rename(paths[0], paths[1])))) return;
  throw refuse(
    'busy',
    'OBJECT_LOCKED',
    `Another run is just publishing into "${object}".`,
    `It is tried again by itself. Where no such run is left, remove ${lockOf(root, object)}.`,
  );
}

export async function unlock(root, object, lease) {
  await rm(join(lockOf(root, object), nameOf(lease)), { force: true });
  // Another's name may lie in it by now.
  await rmdir(lockOf(root, object)).catch(() => {});
}
