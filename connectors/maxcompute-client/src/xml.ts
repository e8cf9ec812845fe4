const ENTITIES: { [name: string]: string } = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
const ESCAPES: { [character: string]: string } = {
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '&': '&amp;',
};

export function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (one) => ESCAPES[one]);
}

const CDATA = '<![CDATA[';

/** Where markup goes on behind a CDATA section or comment that begins at `at`; −1 where none begins there. */
function skipOpaque(xml: string, at: number): number {
  const [begin, end] = xml.startsWith(CDATA, at) ? [CDATA, ']]>'] : ['<!--', '-->'];
  if (!xml.startsWith(begin, at)) return -1;
  const close = xml.indexOf(end, at + begin.length);
  return close < 0 ? xml.length : close + end.length;
}

interface Tag {
  name: string;
  attributes: string;
  /** `open`, `close`, or `empty` as in `<Marker/>`. */
  form: 'open' | 'close' | 'empty';
  from: number;
  to: number;
}

/** The tags of a document in their order; what looks like one inside CDATA is text. */
function* tags(xml: string): Generator<Tag> {
  let at = xml.indexOf('<');
  while (at >= 0) {
    const behind = skipOpaque(xml, at);
    if (behind >= 0) {
      at = xml.indexOf('<', behind);
      continue;
    }
    const end = xml.indexOf('>', at);
    if (end < 0) return;
    const match = /^(\/?)([^\s/>]+)([\s\S]*?)(\/?)$/.exec(xml.slice(at + 1, end));
    if (match !== null) {
      const form = match[1] === '/' ? 'close' : match[4] === '/' ? 'empty' : 'open';
      yield { name: match[2], attributes: match[3], form, from: at, to: end + 1 };
    }
    at = xml.indexOf('<', end);
  }
}

/** The elements of that name, outermost ones, with their contents as they stand. */
export function elements(xml: string, name: string): { attributes: string; content: string }[] {
  const found: { attributes: string; content: string }[] = [];
  let open: Tag | null = null;
  let depth = 0;
  for (const tag of tags(xml)) {
    if (tag.name !== name) continue;
    if (tag.form === 'empty') {
      if (depth === 0) found.push({ attributes: tag.attributes, content: '' });
    } else if (tag.form === 'open') {
      if (depth++ === 0) open = tag;
    } else if (open !== null && --depth === 0) {
      found.push({ attributes: open.attributes, content: xml.slice(open.to, tag.from) });
      open = null;
    }
  }
  return found;
}

/** Text of the first element of that name, entities and CDATA resolved; undefined where there is none. */
export function textOf(xml: string, name: string): string | undefined {
  const [first] = elements(xml, name);
  if (first === undefined) return undefined;
  const { content } = first;
  if (!content.includes(CDATA)) return unescapeXml(content.trim());
  // Blanks around the sections are layout; the sections themselves are kept to the letter.
  return content
    .split(/(<!\[CDATA\[[\s\S]*?\]\]>)/)
    .map((part) => (part.startsWith(CDATA) ? part.slice(CDATA.length, -3) : unescapeXml(part.trim())))
    .join('');
}

/** The value of an attribute, from `attributes` of `elements`. */
export function attributeOf(attributes: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(attributes);
  return match === null ? undefined : unescapeXml(match[1] ?? match[2]);
}
