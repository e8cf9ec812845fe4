import { connect as netConnect } from 'node:net';
import mysqlConnector from '@sampan/connector-mysql';
import { cellText } from '@sampan/connector';
import fs from 'node:fs';
const j = JSON.parse(fs.readFileSync('/tmp/try/maria.json','utf8').split('\n').find(l=>l[0]==='{')!);
const ctx = { dial: async (a: any) => new Promise<any>((res, rej) => { const s = netConnect(a.port, a.host, () => res(s)); s.once('error', rej); }), log() {}, statement() {} };
const s = await mysqlConnector.open(mysqlConnector.config.parse({ host: '127.0.0.1', port: j.port, user: 'sampan', password: j.password, database: 'b', ssl: { mode: 'DISABLED' } }), ctx as any);
const sig = new AbortController().signal;
for await (const c of s.check(sig)) console.log(c.step, c.ok, c.message);
const d = await s.describe('wide', sig);
const plan = await s.source!.plan({ object: 'wide', columns: d.fields.map(f => f.name), where: null, splitKey: null, splits: 1, maxBytes: null, fetchSize: null, options: {} }, sig);
console.log(plan.splits);
for (let i = 0; i < 3; i++) { const t = performance.now(); const c0 = process.cpuUsage(); let rows = 0, bytes = 0;
for (const sp of plan.splits) for await (const b of s.source!.read(sp, null, sig)) { rows += b.rows; bytes += b.bytes; if (rows < 9000) console.log(b.columns.map((c, k) => cellText(c, b.fields[k].type, 3)).join(' | '), b.position); b.release(); }
const dt = performance.now() - t, c = process.cpuUsage(c0); console.log(rows, bytes, Math.round(rows / dt), 'k rows/s', ((c.user + c.system) / rows).toFixed(3), 'cpu s/M'); }
process.exit();
