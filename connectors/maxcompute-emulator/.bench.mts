import { RecordEncoder, RecordDecoder, parseType } from '/work/main/connectors/maxcompute-client/src/index.ts';
const types = ['bigint','bigint','string','string','decimal(18,4)','datetime','timestamp_ntz','int','string','double','string'];
const parsed = types.map(parseType);
export function batch(rows: number, from: number) {
  const big = (f: (i:number)=>bigint) => { const v = new BigInt64Array(rows); for (let i=0;i<rows;i++) v[i]=f(from+i); return {length: rows, values: v}; };
  const str = (f: (i:number)=>string) => { const parts=[]; const offsets=new Int32Array(rows+1); for(let i=0;i<rows;i++){const b=Buffer.from(f(from+i)); parts.push(b); offsets[i+1]=offsets[i]+b.length;} return {length: rows, offsets, data: Buffer.concat(parts)}; };
  const ints = new Int32Array(rows), dbl = new Float64Array(rows); for (let i=0;i<rows;i++){ints[i]=(from+i)%1000; dbl[i]=(from+i)/7;}
  return [big(i=>BigInt(i)), big(i=>BigInt(i)*1234567n), str(i=>`customer-${i}@example.com`), str(i=>'paid,shipped'.slice(0,4+i%8)), str(i=>`${i%100000}.${1000+i%9000}`), big(i=>1700000000000000n+BigInt(i)*1000000n), big(i=>1700000000000000n+BigInt(i)*1001n), {length: rows, values: ints}, str(i=>'Lorem ipsum dolor sit amet consectetur é '.repeat(2)+i), {length: rows, values: dbl}, str(i=>'addr '+i+' some street in some town, some country')];
}
export { types, parsed };
export function stream(rows: number) { const e = new RecordEncoder(parsed); const out=[]; for (let f=0; f<rows; f+=8192) { const n=Math.min(8192,rows-f); out.push(e.encode(batch(n,f), n)); } out.push(e.end()); return Buffer.concat(out); }
if (process.argv[2]==='decode') {
  const N=400000; const s=stream(N); console.log('bytes/row', s.length/N);
  for (let k=0;k<3;k++){ const t=performance.now(); const d=new RecordDecoder(parsed,{rows:8192,fieldBytes:8e6}); let r=0; for(let i=0;i<s.length;i+=65536) for(const b of d.push(s.subarray(i,i+65536))) r+=b.rows; r+=d.end()?.rows??0; console.log(r, Math.round(N/(performance.now()-t)*1000),'rows/s decode'); }
}
if (process.argv[2]==='duck') {
  const { openDuck, BlockFile } = await import('/work/main/connectors/maxcompute-emulator/src/parquet.ts');
  const N=200000; const s=stream(N); const duck=await openDuck();
  const cols=types.map((type,i)=>({name:'c'+i,type:type.toUpperCase(),comment:'',nullable:true}));
  for (let k=0;k<2;k++){ const t=performance.now(); const d=new RecordDecoder(parsed,{rows:8192,fieldBytes:8e6}); const f=await BlockFile.create(duck,cols); for(let i=0;i<s.length;i+=65536) for(const b of d.push(s.subarray(i,i+65536))) f.append(b.columns,b.rows); const l=d.end(); if(l) f.append(l.columns,l.rows); const t2=performance.now(); await f.finish('/tmp/emu/x.parquet'); console.log(Math.round(N/(performance.now()-t)*1000),'rows/s duck; append share', Math.round(t2-t),'of',Math.round(performance.now()-t)); }
}
if (process.argv[2]==='own') {
  const { BlockFile } = await import('/work/main/connectors/maxcompute-emulator/src/block-file.ts');
  const N=400000; const s=stream(N);
  const cols=types.map((type,i)=>({name:'c'+i,type:type.toUpperCase(),comment:'',nullable:true}));
  for (let k=0;k<4;k++){ const t=performance.now(); const c0=process.cpuUsage(); const d=new RecordDecoder(parsed,{rows:8192,fieldBytes:8e6}); const f=await BlockFile.create('/tmp/emu/y.parquet',cols); for(let i=0;i<s.length;i+=65536) for(const b of d.push(s.subarray(i,i+65536))) await f.append(b.columns,b.rows); const l=d.end(); if(l) await f.append(l.columns,l.rows); const t2=performance.now(); console.log(await f.finish()); const c=process.cpuUsage(c0); console.log(Math.round(N/(performance.now()-t)*1000),'rows/s own; finish',Math.round(performance.now()-t2),'cpu s/Mrow',((c.user+c.system)/1e6/N*1e6).toFixed(2)); }
  const { DuckDBInstance } = await import('@duckdb/node-api'); const conn=await (await DuckDBInstance.create(':memory:')).connect();
  console.log((await conn.runAndReadAll("describe select * from '/tmp/emu/y.parquet'")).getRows().map(r=>r.slice(0,2).join(' ')).join('; '));
  console.log((await conn.runAndReadAll("select * from '/tmp/emu/y.parquet' limit 1 offset 399999")).getRowsJson(), (await conn.runAndReadAll("select count(*), sum(c0), sum(c4), max(c6), count(distinct c2) from '/tmp/emu/y.parquet'")).getRowsJson());
}
