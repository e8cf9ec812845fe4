import type { OpenContext, Target } from '@sampan/connector';
import { type Http, reloadUpload, writeBlock } from '@sampan/maxcompute';
import { begin } from './begin.ts';
import { dropStaging, forgetStaging, stagingName } from './dynamic.ts';
import { told } from './errors.ts';
import { asHandle, uploadOf } from './handle.ts';
import { forgetPostSql } from './post-sql.ts';
import { MODES, prepare } from './prepare.ts';
import { commit, outcome, verify } from './publish.ts';
import { createLedgers } from './upsert-ledger.ts';
import { abortUpserts } from './upsert-publish.ts';
import { upsertWriter } from './upsert-writer.ts';
import { createWriter } from './writer.ts';

/** One split is one block, sent in one piece: small enough to send again, large enough not to leave small files. */
const SPLIT_BYTES = 128 * 1024 * 1024;

export function createTarget(http: Http, context: OpenContext): Target {
  const ledgers = createLedgers();
  const ever = () => new AbortController().signal;
  return {
    traits: {
      modes: MODES,
      publish: ['session'],
      maxWriters: 8,
      splitBytes: SPLIT_BYTES,
      expires:
        'What was uploaded but not committed goes away 24 hours after the run began, and a staging table after three days.',
    },
    prepare: (load, signal) => prepare(http, load, signal),
    begin: (load, lease, previous, signal) => begin(http, context, load, lease, previous, signal),
    async writer(given, slot, _lease, signal) {
      const handle = asHandle(given);
      if (handle.upsert) return upsertWriter(http, handle, slot.split, ledgers.of(handle.session), signal);
      const session = await told('Opening a block', reloadUpload(http, uploadOf(handle), handle.session, signal));
      return createWriter(session, handle, slot.split, () =>
        told('Opening a block', writeBlock(http, uploadOf(handle), session, slot.split, signal)),
      );
    },
    verify: (handle, receipts, _lease, signal) => verify(http, handle, receipts, ledgers, signal),
    commit: (handle, receipts, _lease, signal) => commit(http, context, handle, receipts, ledgers, signal),
    outcome: (handle, _lease, signal) => told('Asking what became of the commit', outcome(http, handle, signal)),
    // The tunnel knows no abort of uploads: a session that nobody commits leaves nothing and expires.
    async abort(given, lease) {
      if (given === null) return dropStaging(http, { table: stagingName(lease) }, ever());
      const handle = asHandle(given);
      if (handle.dynamic !== null) await dropStaging(http, handle, ever());
      if (!handle.upsert) return;
      await told('Ending the upsert session', abortUpserts(http, handle, ever()));
      ledgers.forget(handle.session);
    },
    async forget(given) {
      const handle = asHandle(given);
      ledgers.forget(handle.session);
      if (handle.dynamic !== null) await forgetStaging(http, handle, ever());
      await forgetPostSql(http, context, handle, ever());
    },
  };
}
