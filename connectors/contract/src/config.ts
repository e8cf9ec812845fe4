import type { Json } from './json.ts';

/** How a connector's options look and are checked. Option names are camelCase; nested ones are written `ssl.key`. */
export interface ConfigSpec<Options> {
  /** JSON Schema (draft 2020-12) of the options, with titles and descriptions: forms are drawn from it. */
  schema: { [key: string]: Json };
  /** Paths of options that are secret: sealed at rest and never shown. */
  secrets: readonly string[];
  /** Paths of options that say where a connection goes and as whom. Changing one drops the stored secrets. */
  endpoint: readonly string[];
  /** Options with their defaults filled in. @throws ConnectorError kind `config`, naming the option. */
  parse(options: unknown): Options;
}
