const ENTITIES: { [name: string]: string } = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

export function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return ENTITIES[(name ?? '').toLowerCase()] ?? whole;
  });
}

export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (one) => `&${Object.keys(ENTITIES).find((name) => ENTITIES[name] === one)};`);
}

/** The contents of each element of that name, CDATA and entities resolved where the content is text alone. */
export function elements(xml: string, name: string): { attributes: string; content: string }[] {
  const found = xml.matchAll(new RegExp(`<${name}(\\s[^>]*?)?(?:/>|>([\\s\\S]*?)</${name}>)`, 'g'));
  return [...found].map((match) => ({ attributes: match[1] ?? '', content: match[2] ?? '' }));
}

/** Text of the first element of that name; undefined where there is none. */
export function textOf(xml: string, name: string): string | undefined {
  const [first] = elements(xml, name);
  if (first === undefined) return undefined;
  const { content } = first;
  const parts = [...content.matchAll(/<!\[CDATA\[([\s\S]*?)\]\]>/g)].map((match) => match[1]);
  return parts.length > 0 ? parts.join('') : unescapeXml(content.trim());
}
