/** CSV as MaxCompute writes it: quoted fields, lines ended by either line end, the unquoted token `\N` for NULL. */
export function parseCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  let at = 0;
  while (at < text.length) {
    const [field, end] = text[at] === '"' ? quoted(text, at) : plain(text, at);
    row.push(field);
    at = end + 1;
    if (text[end] === ',') {
      // A comma at the very end stands before one more, empty field.
      if (at === text.length) row.push('');
      else continue;
    }
    if (text[end] === '\r' && text[at] === '\n') at++;
    rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

function plain(text: string, from: number): [string | null, number] {
  let end = from;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end++;
  const field = text.slice(from, end);
  return [field === '\\N' ? null : field, end];
}

function quoted(text: string, from: number): [string, number] {
  let end = text.indexOf('"', from + 1);
  while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
  if (end < 0) end = text.length;
  return [text.slice(from + 1, end).replaceAll('""', '"'), end + 1];
}
