import { describe, expect, it } from 'vitest';
import { parseType, RecordDecoder } from '../src/index.ts';
import { inTurn, json, type Reply, reset, service } from './service.ts';

const opened = (server: string, slots = 1) => ({
  session_name: 's1',
  status: 'normal',
  schema: { columns: [{ name: 'id', type: 'bigint' }] },
  slots: Array.from({ length: slots }, (_, at) => [String(at), slots === 1 ? server : `${server}-${at}`]),
  schema_version: 3,
});
const routed = (server: string) => json(200, '', { 'odps-tunnel-routed-server': server, 'odps-tunnel-slot-num': '1' });

/** A service with one stream session, which takes packs as `puts` says. */
const streaming =
  (puts: Reply, session: Reply): Reply =>
  (got, response) =>
    got.method === 'PUT' ? puts(got, response) : session(got, response);

describe('a stream upload', () => {
  it('sends each pack with what was asked for, and spreads them over the slots', async () => {
    const bodies: Buffer[] = [];
    const { client, got } = await service(
      streaming(
        async (one, response) => {
          bodies.push(await one.body());
          response.end();
        },
        inTurn(json(200, { ...opened('a', 2), status: 'init', slots: [] }), json(200, opened('a', 2))),
      ),
    );
    const stream = await client.table('t').stream({
      dynamicPartition: true,
      zorderColumns: ['id', 'x'],
      checkLatestSchema: true,
      createPartition: true,
      slots: 2,
    });
    await stream.write([[1n], { id: 2n }]);
    await stream.send([{ length: 1, values: BigInt64Array.of(3n) }], 1);
    await stream.write([]);
    const how = { dynamic_partition: 'true', zorder_columns: 'id,x', check_latest_schema: 'true' };
    expect(Object.fromEntries(got[0].query)).toMatchObject({ ...how, create_partition: 'true' });
    expect(got[0].headers['odps-tunnel-slot-num']).toBe('2');
    const puts = got.filter((one) => one.method === 'PUT');
    expect(puts.map((one) => Object.fromEntries(one.query))).toMatchObject([
      { ...how, uploadid: 's1', slotid: '0', record_count: '2' },
      { ...how, uploadid: 's1', slotid: '1', record_count: '1' },
    ]);
    expect(puts.map((one) => one.headers['odps-tunnel-routed-server'])).toEqual(['a-0', 'a-1']);
    const decoder = new RecordDecoder([parseType('bigint')]);
    const batches = [...decoder.push(bodies[0]), decoder.end()].filter((one) => one !== null);
    expect(batches.flatMap(({ columns, rows }) => [...(columns[0].values as BigInt64Array).subarray(0, rows)])).toEqual(
      [1n, 2n],
    );
  });

  it('follows a slot that moves', async () => {
    const { client, got } = await service(
      streaming(
        inTurn(json(308, { Code: 'SlotReassigned', Message: 'moved' }), routed('c'), routed('c')),
        inTurn(json(200, opened('a')), json(200, opened('b'))),
      ),
    );
    const stream = await client.table('t').stream();
    await stream.write([[1n]]);
    await stream.write([[2n]]);
    const servers = got.filter((one) => one.method === 'PUT').map((one) => one.headers['odps-tunnel-routed-server']);
    // Told by the session's new state, and then by the answer itself.
    expect(servers).toEqual(['a', 'b', 'c']);
    expect(stream.session.slots).toEqual([{ id: '0', server: 'c' }]);
  });

  it('waits where the service is busy, and sends nothing twice that may be there', async () => {
    const busy = json(429, { Code: 'FlowExceeded', Message: 'slow down', HoldClientMillis: 10 });
    const patient = await service(streaming(inTurn(busy, busy, routed('a')), json(200, opened('a'))));
    await (await patient.client.table('t').stream()).write([[1n]]);
    expect(patient.got.filter((one) => one.method === 'PUT').length).toBe(3);
    for (const lost of [reset, json(502, '')]) {
      const once = await service(streaming(inTurn(lost, routed('a')), json(200, opened('a'))));
      await expect((await once.client.table('t').stream()).write([[1n]])).rejects.toMatchObject({ kind: 'busy' });
      expect(once.got.filter((one) => one.method === 'PUT').length).toBe(1);
      const again = await service(streaming(inTurn(lost, routed('a')), json(200, opened('a'))));
      await (await again.client.table('t').stream({ repeat: true })).write([[1n]]);
      expect(again.got.filter((one) => one.method === 'PUT').length).toBe(2);
    }
  });

  it('for other columns than the newest is refused', async () => {
    const refused = json(412, { Code: 'SchemaModified', Message: 'columns changed', RequestId: 'R1' });
    const { client } = await service(streaming(refused, json(200, opened('a'))));
    const stream = await client.table('t').stream({ checkLatestSchema: true });
    await expect(stream.write([[1n]])).rejects.toMatchObject({ code: 'SchemaModified', status: 412, requestId: 'R1' });
  });
});
