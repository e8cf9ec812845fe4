import { answerOrders } from './bench-child.ts';
import { download, openClient, upload } from './bench-client.ts';
import { measured } from './bench-measure.ts';

/** What a process that does nothing but use the client is to do. */
export interface ClientOrder {
  what: 'upload' | 'download';
  /** Service and tunnel in one. */
  url: string;
  rows: number;
}

answerOrders<ClientOrder>(({ what, url, rows }) => {
  const http = openClient(url);
  return measured(rows, () => (what === 'upload' ? upload(http, rows) : download(http, 'records')));
});
