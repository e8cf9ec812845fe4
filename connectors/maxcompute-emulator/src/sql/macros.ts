/** Says why in DuckDB, at the row that meets it: the whole statement is then refused. */
const no = (why: string) => `error('the emulator does not ${why}')`;

/** A comparison: of a string with a number as DOUBLE, as MaxCompute does, where DuckDB would convert the string. */
const comparison = (name: string, operator: string) =>
  `odps_${name}(a, b) AS CASE WHEN odps_mixed(typeof(a), typeof(b))
    THEN CAST(CAST(a AS VARCHAR) AS DOUBLE) ${operator} CAST(CAST(b AS VARCHAR) AS DOUBLE) ELSE a ${operator} b END`;

/**
 * Functions that DuckDB has not, or has otherwise. Those with types choose by the type of what they are given, and are not
 * there for others. Every one begins with `odps_`, which no MaxCompute function does.
 */
export const MACROS: readonly string[] = [
  `odps_is_number(t) AS t IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'FLOAT', 'DOUBLE')`,
  `odps_mixed(s, t) AS (s = 'VARCHAR' AND odps_is_number(t)) OR (t = 'VARCHAR' AND odps_is_number(s))
    OR (((s = 'VARCHAR' AND t LIKE 'DECIMAL%') OR (t = 'VARCHAR' AND s LIKE 'DECIMAL%'))
      AND ${no('compare STRING with DECIMAL: use CAST')})`,
  ...Object.entries({ eq: '=', ne: '<>', lt: '<', le: '<=', gt: '>', ge: '>=' }).map(([name, operator]) =>
    comparison(name, operator),
  ),
  comparison('same', 'IS NOT DISTINCT FROM'),
  `odps_unmixed(a, b) AS CASE WHEN odps_mixed(typeof(a), typeof(b))
    THEN ${no('join STRING with a number: use CAST')} ELSE true END`,

  // An instant is told in the zone of the statement. What has structure has a text of its own.
  `odps_text(x) AS CASE WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE'
      THEN regexp_replace(CAST(x AS VARCHAR), '[+-][0-9]{2}(:[0-9]{2})*$', '')
    WHEN typeof(x) LIKE '%]' OR typeof(x) LIKE 'STRUCT(%' OR typeof(x) LIKE 'MAP(%'
      THEN ${no('make STRING of ARRAY, MAP, STRUCT or INTERVAL')}
    ELSE CAST(x AS VARCHAR) END`,
  // What is put into a column of another type: exactly, or not at all.
  `odps_whole(x) AS CASE WHEN typeof(x) IN ('FLOAT', 'DOUBLE', 'VARCHAR', 'BOOLEAN') OR typeof(x) LIKE 'DECIMAL%'
    THEN ${no('put this into a column of whole numbers: use CAST')} ELSE x END`,
  `odps_fit(x, n) AS CASE WHEN length(x) > n THEN ${no('cut a text to the length of its column: use SUBSTR')} ELSE x END`,
  `odps_truth(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN ${no('know which strings are true')} ELSE x END`,
  `odps_bytes(x BLOB) AS x, (x VARCHAR) AS encode(x)`,
  `odps_substr(s, a) AS CASE WHEN a = 0 OR a < -length(s) THEN '' ELSE substr(s, a) END,
    (s, a, n) AS CASE WHEN a = 0 OR n <= 0 OR a < -length(s) THEN '' ELSE substr(s, a, n) END`,
  `odps_split(s, p) AS list_slice(string_split_regex(s, p), 1,
    greatest(1, coalesce(list_last(list_filter(range(1, len(string_split_regex(s, p)) + 1),
      i -> string_split_regex(s, p)[i] <> '')), 0)))`,
  `odps_split_part(s, p, a) AS CASE WHEN a < 1 OR p = '' THEN ${no('know what SPLIT_PART gives here')}
    ELSE split_part(s, p, a) END,
    (s, p, a, b) AS CASE WHEN a < 1 OR b < a OR p = '' THEN ${no('know what SPLIT_PART gives here')}
    ELSE array_to_string(list_slice(string_split(s, p), a, b), p) END`,
  `odps_instr(s, p) AS CASE WHEN p = '' THEN ${no('look for an empty string')} ELSE CAST(instr(s, p) AS BIGINT) END`,
  `odps_extract(s, p, g) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g)
    WHEN s IS NULL OR p IS NULL THEN NULL ELSE ${no('know what REGEXP_EXTRACT gives where nothing matches')} END`,
  `odps_json(j, p) AS CASE WHEN NOT json_valid(j) THEN NULL WHEN json_type(j, p) IN ('OBJECT', 'ARRAY', 'DOUBLE')
    THEN ${no('keep what this JSON has there as it is written')} ELSE json_extract_string(j, p) END`,
  `odps_join(sep, x VARCHAR[]) AS CASE WHEN list_count(x) < len(x) THEN ${no('join an ARRAY with a NULL')}
    ELSE array_to_string(x, sep) END`,

  `odps_div(a BIGINT, b BIGINT) AS a // b`,
  `odps_divide(a, b) AS CASE WHEN typeof(a) LIKE 'DECIMAL%' OR typeof(b) LIKE 'DECIMAL%'
    THEN ${no('divide a DECIMAL, whose digits it would lose: use CAST AS DOUBLE')} ELSE a / b END`,
  `odps_real(x) AS CASE WHEN typeof(x) LIKE 'DECIMAL%'
    THEN ${no('give a DECIMAL here, whose digits it would lose: use CAST AS DOUBLE')} ELSE x END`,
  `odps_round(x, n) AS round(CASE WHEN typeof(x) IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT')
    THEN ${no('round a whole number, which gives a DOUBLE: use CAST')} ELSE x END, CAST(n AS INTEGER))`,

  `odps_list(x) AS CASE WHEN typeof(x) LIKE '%]' THEN x ELSE ${no('take anything but an ARRAY here')} END`,
  // By way of JSON, since nothing else takes ARRAY and MAP alike.
  `odps_size(x) AS CASE WHEN x IS NULL THEN ${no('know the size of NULL')}
    WHEN typeof(x) LIKE 'MAP(%' THEN CAST(len(json_keys(to_json(x))) AS INTEGER)
    ELSE CAST(json_array_length(to_json(odps_list(x))) AS INTEGER) END`,
  // A MAP with keys that are numbers cannot be told from an ARRAY here: odps_list refuses it.
  `odps_index(x, k VARCHAR) AS x[k],
    (x, k BIGINT) AS CASE WHEN k < 0 THEN ${no('know what an index below 0 gives')} ELSE odps_list(x)[k + 1] END`,

  `odps_time(x DATE) AS CAST(x AS TIMESTAMP), (x TIMESTAMPTZ) AS CAST(x AS TIMESTAMP), (x TIMESTAMP) AS x`,
  `odps_date(x DATE) AS x, (x TIMESTAMPTZ) AS CAST(x AS DATE), (x TIMESTAMP) AS CAST(x AS DATE)`,
  `odps_add_days(x DATE, n) AS x + CAST(n AS INTEGER),
    (x TIMESTAMPTZ, n) AS x + to_days(CAST(n AS INTEGER)), (x TIMESTAMP, n) AS x + to_days(CAST(n AS INTEGER))`,
  `odps_add_months(x DATE, n) AS CAST(x + to_months(CAST(n AS INTEGER)) AS DATE),
    (x TIMESTAMPTZ, n) AS x + to_months(CAST(n AS INTEGER)), (x TIMESTAMP, n) AS x + to_months(CAST(n AS INTEGER))`,
  `odps_add_seconds(x TIMESTAMPTZ, n) AS x + to_seconds(CAST(n AS BIGINT)),
    (x TIMESTAMP, n) AS x + to_seconds(CAST(n AS BIGINT))`,
  `odps_epoch(x TIMESTAMPTZ) AS CAST(floor(epoch(x)) AS BIGINT)`,
  `odps_trunc(x DATE, p) AS CAST(date_trunc(p, x) AS DATE), (x TIMESTAMPTZ, p) AS date_trunc(p, x),
    (x TIMESTAMP, p) AS date_trunc(p, x)`,
];
