/** Variables that Sampan sets itself, because a copy is only exact with them. */
export const OURS: ReadonlySet<string> = new Set([
  'time_zone',
  'sql_mode',
  'character_set_client',
  'character_set_connection',
  'character_set_results',
  'collation_connection',
  'autocommit',
  'sql_select_limit',
  'sql_auto_is_null',
  'local_infile',
  'transaction_isolation',
  'tx_isolation',
]);
