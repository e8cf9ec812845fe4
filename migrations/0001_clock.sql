-- The one clock of planning, claiming, leases and reaping. A test database replaces it by one that reads a row.
CREATE FUNCTION sampan_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'select clock_timestamp()';
