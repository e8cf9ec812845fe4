import { createInflate } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type ColumnData, parseType, RecordDecoder } from '../src/index.ts';
import { type Got, inTurn, json, type Reply, reset, service } from './service.ts';

const COLUMNS = [
  { name: 'id', type: 'BIGINT', nullable: true },
  { name: 'name', type: 'string' },
];
const session = (Status: string, ...blocks: number[]) => ({
  UploadID: 'U1',
  Status,
  Schema: { columns: COLUMNS },
  UploadedBlockList: blocks.map((BlockID) => ({ BlockID, RecordCount: 1 })),
});
const state = (Status: string, ...blocks: number[]): Reply => json(200, session(Status, ...blocks));

function rows(from: number, count: number): ColumnData[] {
  const names = Array.from({ length: count }, (_, row) => `row ${from + row}`);
  const offsets = new Int32Array(count + 1);
  names.forEach((name, row) => {
    offsets[row + 1] = offsets[row] + name.length;
  });
  const values = BigInt64Array.from({ length: count }, (_, row) => BigInt(from + row));
  return [
    { length: count, values },
    { length: count, offsets, data: Buffer.from(names.join('')) },
  ];
}

/** Reads a block as it comes; the ids in it. */
async function idsOf(got: Got, pauseMs = 0): Promise<bigint[]> {
  const body = got.headers['content-encoding'] === 'deflate' ? got.request.pipe(createInflate()) : got.request;
  const decoder = new RecordDecoder([parseType('bigint'), parseType('string')]);
  const ids: bigint[] = [];
  const take = (columns: ColumnData[], count: number) => {
    for (let row = 0; row < count; row++) {
      const [id, name] = columns;
      ids.push(id.values![row] as bigint);
      const text = (name.data as Buffer).toString('latin1', name.offsets![row], name.offsets![row + 1]);
      if (text !== `row ${id.values![row]}`) throw new Error(`row ${id.values![row]} is called ${text}`);
    }
  };
  for await (const chunk of body) {
    for (const batch of decoder.push(chunk as Buffer)) take(batch.columns, batch.rows);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  const last = decoder.end();
  if (last !== null) take(last.columns, last.rows);
  return ids;
}

const isPut = (got: Got) => got.method === 'PUT';

describe('an upload session', () => {
  it('is opened as the tunnel wants it, and its answer is what is encoded against', async () => {
    const { client, got } = await service(state('normal'), { schema: 'sales', quota: 'q' });
    const partition = [
      { name: 'pt', value: '2026' },
      { name: 'hh', value: '01' },
    ];
    const upload = await client.table('t').upload({ partition, overwrite: true, createPartition: true });
    expect(upload.session).toMatchObject({ id: 'U1', status: 'NORMAL', maxFieldBytes: 8_388_608, blocks: [] });
    expect(upload.session.columns.map((column) => column.type.kind)).toEqual(['bigint', 'string']);
    expect(got[0]).toMatchObject({ method: 'POST', path: '/projects/proj/schemas/sales/tables/t' });
    expect([...got[0].query]).toEqual([
      ['uploads', ''],
      ['overwrite', 'true'],
      ['create_partition', 'true'],
      ['partition', 'pt=2026,hh=01'],
      ['quotaName', 'q'],
      ['curr_project', 'proj'],
    ]);
    expect(got[0].headers).toMatchObject({ 'x-odps-tunnel-version': '6', 'content-length': '0' });
  });

  it('that answers with something else is an error with a reason', async () => {
    const { client } = await service(json(200, '<html>'));
    await expect(client.table('t').upload()).rejects.toMatchObject({ code: 'UnreadableAnswer', kind: 'config' });
  });
});

describe('a block', () => {
  it.each(['identity', 'deflate'] as const)(
    'arrives whole, many batches over a slow reader (%s)',
    async (compression) => {
      let ids: bigint[] = [];
      const { client, got } = await service(async (one, response) => {
        if (!isPut(one)) return state('NORMAL')(one, response);
        ids = await idsOf(one, 1);
        response.end();
      });
      const upload = await client.table('t').upload({ compression });
      const block = await upload.block(7);
      for (let at = 0; at < 40; at++) await block.write(rows(at * 5_000, 5_000), 5_000);
      expect(await block.finish()).toEqual({ rows: 200_000, bytes: block.bytes });
      expect(ids.length).toBe(200_000);
      expect(ids.every((id, at) => id === BigInt(at))).toBe(true);
      const put = got.find(isPut)!;
      expect(put.query.get('blockid')).toBe('7');
      expect(put.headers).toMatchObject({ 'transfer-encoding': 'chunked', 'content-type': 'application/octet-stream' });
      expect(put.headers['content-encoding']).toBe(compression === 'deflate' ? 'deflate' : undefined);
    },
  );

  it.each(['identity', 'deflate'] as const)(
    'of small batches, which queue up without waiting, keeps each as it was (%s)',
    async (compression) => {
      let ids: bigint[] = [];
      const { client } = await service(async (one, response) => {
        if (!isPut(one)) return state('NORMAL')(one, response);
        ids = await idsOf(one, 1);
        response.end();
      });
      const block = await (await client.table('t').upload({ compression })).block(0);
      for (let at = 0; at < 3_000; at++) await block.write(rows(at * 3, 3), 3);
      await block.finish();
      expect(ids).toEqual(Array.from({ length: 9_000 }, (_, at) => BigInt(at)));
    },
  );

  it('may have no rows', async () => {
    let ids: bigint[] | null = null;
    const { client } = await service(async (one, response) => {
      if (!isPut(one)) return state('NORMAL')(one, response);
      ids = await idsOf(one);
      response.end();
    });
    const block = await (await client.table('t').upload()).block(0);
    await block.write(rows(0, 0), 0);
    expect(await block.finish()).toMatchObject({ rows: 0 });
    expect(ids).toEqual([]);
  });

  it('waits for a reader that does not read, and is let go by abort', async () => {
    let paused: Got | null = null;
    const { client } = await service((one, response) => {
      if (!isPut(one)) return state('NORMAL')(one, response);
      paused = one;
      one.request.pause();
    });
    const block = await (await client.table('t').upload()).block(0);
    const batch = rows(0, 20_000);
    let written = 0;
    const writing = (async () => {
      for (; written < 500; written++) await block.write(batch, 20_000);
    })();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const reached = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(written).toBe(reached);
    expect(written).toBeLessThan(100);
    block.abort();
    await expect(writing).rejects.toMatchObject({ code: 'ConnectionFailed' });
    // The server sees a body that was cut, not one that ended.
    await expect(paused!.body()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('that is refused in its middle ends with the refusal', async () => {
    const { client } = await service((one, response) => {
      if (!isPut(one)) return state('NORMAL')(one, response);
      one.request.once('data', () => {
        response.writeHead(400, { 'x-odps-request-id': 'R' });
        response.end(JSON.stringify({ Code: 'MalformedDataStream', Message: 'bad' }));
      });
    });
    const block = await (await client.table('t').upload()).block(0);
    const sending = (async () => {
      for (let at = 0; at < 1_000; at++) await block.write(rows(0, 5_000), 5_000);
    })();
    await expect(sending).rejects.toMatchObject({ code: 'MalformedDataStream', status: 400, requestId: 'R' });
  });

  it('that meets a 502 or a cut connection counts once it is sent again under its id', async () => {
    for (const failing of [json(502, '<html>Bad gateway'), reset]) {
      const blocks: bigint[][] = [];
      const good: Reply = async (one, response) => {
        blocks[Number(one.query.get('blockid'))] = await idsOf(one);
        response.end();
      };
      const puts = inTurn(failing, good);
      const { client, got } = await service((one, response) => (isPut(one) ? puts : state('NORMAL'))(one, response));
      const upload = await client.table('t').upload();
      const send = async () => {
        const block = await upload.block(3);
        await block.write(rows(1, 2), 2);
        return block.finish();
      };
      await expect(send()).rejects.toMatchObject({ kind: 'busy' });
      expect(await send()).toMatchObject({ rows: 2 });
      expect(blocks[3]).toEqual([1n, 2n]);
      expect(got.filter(isPut).length).toBe(2);
    }
  });

  it('that is throttled says when to come again', async () => {
    const { client } = await service((one, response) =>
      (isPut(one) ? json(429, { Code: 'SlotExceeded', Message: 'x', HoldClientMillis: 70 }) : state('NORMAL'))(
        one,
        response,
      ),
    );
    const block = await (await client.table('t').upload()).block(0);
    await expect(block.finish()).rejects.toMatchObject({ code: 'SlotExceeded', kind: 'busy', retryAfterMs: 70 });
  });

  it('that its signal stops ends so', async () => {
    const { client } = await service((one, response) => (isPut(one) ? undefined : state('NORMAL')(one, response)));
    const stop = new AbortController();
    const block = await (await client.table('t').upload({ signal: stop.signal })).block(0);
    const finishing = block.finish();
    stop.abort();
    await expect(finishing).rejects.toMatchObject({ code: 'Aborted' });
  });

  it('has a number that the service knows', async () => {
    const { client } = await service(state('NORMAL'));
    const upload = await client.table('t').upload();
    for (const id of [-1, 20_000, 1.5, Number.NaN])
      await expect(upload.block(id)).rejects.toMatchObject({ code: 'InvalidBlockID' });
  });
});

/** The upload's first request opens it; what comes then is answered in turn. Methods of those requests. */
async function committing(blocks: number[], ...replies: Reply[]) {
  const { client, got } = await service(inTurn(state('NORMAL'), ...replies));
  const upload = await client.table('t').upload();
  const outcome = await upload.commit(blocks).then(
    () => 'committed',
    (error: unknown) => error,
  );
  return { outcome, methods: got.slice(1).map((one) => one.method) };
}

describe('a commit', () => {
  it('compares the blocks, then commits once', async () => {
    expect(await committing([0, 5], state('NORMAL', 5, 0), state('CLOSED', 0, 5))).toEqual({
      outcome: 'committed',
      methods: ['GET', 'POST'],
    });
  });

  it('whose answer was lost is looked up, not sent again', async () => {
    expect(await committing([0], state('NORMAL', 0), reset, state('CLOSED', 0))).toEqual({
      outcome: 'committed',
      methods: ['GET', 'POST', 'GET'],
    });
  });

  it('that was lost itself is sent again', async () => {
    const replies = [state('NORMAL', 0), json(502, ''), state('normal', 0), json(200, { UploadedBlockList: [] })];
    expect(await committing([0], ...replies)).toEqual({
      outcome: 'committed',
      methods: ['GET', 'POST', 'GET', 'POST'],
    });
  });

  it('is waited for while it is under way, whoever began it, and whether or not its answer says so', async () => {
    expect(await committing([0], state('CLOSING', 0), state('COMMITTING', 0), state('CLOSED', 0))).toEqual({
      outcome: 'committed',
      methods: ['GET', 'GET', 'GET'],
    });
    expect(await committing([0], state('NORMAL', 0), state('COMMITTING', 0), state('CLOSED', 0))).toEqual({
      outcome: 'committed',
      methods: ['GET', 'POST', 'GET'],
    });
  });

  it('meets a conflict by looking', async () => {
    const conflict = json(409, { Code: 'StatusConflict', Message: 'x' });
    expect(await committing([0], state('NORMAL', 0), conflict, state('CLOSED', 0))).toMatchObject({
      outcome: 'committed',
    });
  });

  it.each([[[]], [[1]], [[0, 1]], [[0, 0]]])(
    'of blocks %j is not sent where the session holds 0 and 7',
    async (blocks) => {
      const { outcome, methods } = await committing(blocks, state('NORMAL', 0, 7));
      expect(outcome).toMatchObject({ code: 'BlocksNotMatch', kind: 'data' });
      expect(methods).toEqual(['GET']);
    },
  );

  it('of a session that is lost says what that means', async () => {
    expect((await committing([0], state('EXPIRED', 0))).outcome).toMatchObject({ code: 'SessionLost' });
    const gone = json(404, { Code: 'NoSuchUpload', Message: 'gone' });
    expect((await committing([0], gone)).outcome).toMatchObject({ code: 'NoSuchUpload', kind: 'missing' });
    expect((await committing([0], state('NORMAL', 0), reset, gone)).outcome).toMatchObject({ code: 'CommitUnknown' });
  });

  it('that is refused for good is not sent again', async () => {
    const { outcome, methods } = await committing(
      [0],
      state('NORMAL', 0),
      json(403, { Code: 'NoPermission', Message: 'x' }),
    );
    expect(outcome).toMatchObject({ code: 'NoPermission', kind: 'auth' });
    expect(methods).toEqual(['GET', 'POST']);
  });
});
