import { startMysql } from './mysql-server.ts';
const s = await startMysql({flavor:(process.argv[2] as never)??'any'}); console.log(JSON.stringify(s)); 
setInterval(()=>{},1000); process.on('SIGTERM',()=>s.stop().then(()=>process.exit()));
