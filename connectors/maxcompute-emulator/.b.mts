import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { Http, runSql, createUpload, commitUpload } from '@sampan/maxcompute';
import { stream, types } from '/tmp/emu/bench.mts';
const child=spawn(process.execPath,['connectors/maxcompute-emulator/dist/main.js','--port','0','--data','/tmp/emu/bdata'],{stdio:['ignore','pipe','inherit']});
const [line]=await once(createInterface({input:child.stdout!}),'line');
const http=new Http({endpoint:String(line).split(' ')[1],project:'demo',accessId:'demo',accessKey:'demo'});
const url=http.options.endpoint.replace('/api','');
await runSql(http,'DROP TABLE IF EXISTS b'); await runSql(http,`CREATE TABLE b (${types.map((t,i)=>`c${i} ${t}`).join(', ')})`);
const N=400000; const s=stream(N);
const cpu=()=>{const f=readFileSync(`/proc/${child.pid}/stat`,'utf8').split(') ')[1].split(' '); return (Number(f[11])+Number(f[12]))/100;};
const main=()=>{const f=readFileSync(`/proc/${child.pid}/task/${child.pid}/stat`,'utf8').split(') ')[1].split(' '); return (Number(f[11])+Number(f[12]))/100;};
const rss=()=>Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`,'utf8'))![1])/1024|0;
for (const par of [1,1,4]) {
  const sess=await createUpload(http,{table:'b',partition:[]}); const t=performance.now(); const c=cpu(), m=main();
  await Promise.all(Array.from({length:par},async(_,k)=>{ const r=await http.open({method:'PUT',base:url,resource:'/projects/demo/tables/b',query:{uploadid:sess.id,blockid:String(k)},headers:{'transfer-encoding':'chunked'}}); const a=http.answer(r); for(let i=0;i<s.length;i+=262144) if(!r.write(s.subarray(i,i+262144))) await once(r,'drain'); r.end(); const x=await a; x.resume(); if(x.statusCode!==200) throw new Error(String(x.statusCode)); }));
  const dt=(performance.now()-t)/1000; const n=N*par; await commitUpload(http,{table:'b',partition:[]},sess.id,Array.from({length:par},(_,k)=>k));
  console.log(par,'streams',Math.round(n/dt),'rows/s',(n*243/dt/1e6).toFixed(0),'MB/s; cpu s',(cpu()-c).toFixed(2),'main thread',(main()-m).toFixed(2),'=> rows per main-thread second',Math.round(n/(main()-m)),'peak rss MB',rss());
}
console.log((await runSql(http,'select count(*), sum(c0), sum(c4), max(c5) from b')).rows);
child.kill('SIGTERM'); http.close();
