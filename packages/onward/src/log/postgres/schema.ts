import { MAX_REMOVED_POSITIONS } from "../driver/removed-positions.ts"
import { MAX_SAME_ID } from "../driver/id-index.ts"
import { append } from "./schema-append.ts"
import { limits } from "./schema-limits.ts"
import { loss } from "./schema-loss.ts"
import { read } from "./schema-read.ts"

/** The comment of the schema, which identifies it as a log. Its version increases with every change of tables or function names. */
export const MARK = "Onward log, version 4"

/** Comments of older versions, which {@link postgresSchema} migrates. */
export const OLDER_MARKS: readonly string[] = [
  "Onward log, version 1",
  "Onward log, version 2",
  "Onward log, version 3",
]

/** Throws a `TypeError` for a name that needs quotes in SQL. */
export function checkSchemaName(schema: string): void {
  if (!/^[a-z_][a-z0-9_]{0,40}$/.test(schema) || schema.startsWith("pg_")) {
    throw new TypeError(
      "schema must be lower-case letters, digits and _, at most 41, and not begin with a digit or pg_",
    )
  }
}

/**
 * Returns the SQL that creates or migrates the tables and functions of a log. It can run repeatedly, in one transaction.
 * `postgresLog` runs it, unless `migrate` is false.
 *
 * @example
 * await writeFile("onward.sql", postgresSchema())
 */
export function postgresSchema(schema = "onward"): string {
  checkSchemaName(schema)
  return [tables, limits(MAX_REMOVED_POSITIONS), append, read, loss]
    .join("\n")
    .replaceAll("onward.", `${schema}.`)
    .replaceAll("SCHEMA_NAME", schema)
    .replaceAll("MAX_SAME_ID", String(MAX_SAME_ID))
}

/**
 * An append takes positions from `log.last` and locks its row until it commits, so the order of positions is the order of commits.
 * Counts and sizes are stored, because computing them would take longer with every entry. All kept entries are after `head`. The row
 * of a topic without kept entries stays for its newest removed position, `trimmed`. With `own` false, that is an upper bound only.
 */
const tables = `
-- two processes can create the tables at the same time
SELECT pg_advisory_xact_lock(hashtext('onward SCHEMA_NAME'));
CREATE SCHEMA IF NOT EXISTS SCHEMA_NAME;
COMMENT ON SCHEMA SCHEMA_NAME IS '${MARK}';

CREATE TABLE IF NOT EXISTS onward.log (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch text NOT NULL,
  -- the server and the table of the last write: a change means a failover or a restored backup
  timeline integer NOT NULL,
  relation oid NOT NULL,
  system text,
  -- whether the last commit waited for a standby
  replicated boolean NOT NULL DEFAULT false,
  last bigint NOT NULL DEFAULT 0,
  head bigint NOT NULL DEFAULT 0,
  time double precision NOT NULL DEFAULT 0,
  count bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  trimmed bigint NOT NULL DEFAULT 0,
  floor bigint NOT NULL DEFAULT 0,
  empty_topics bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE IF NOT EXISTS onward.topics (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  count bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  trimmed bigint NOT NULL,
  own boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS onward.entries (
  sequence bigint PRIMARY KEY,
  topic integer NOT NULL,
  time double precision NOT NULL,
  size integer NOT NULL,
  event text COLLATE "C",
  id text COLLATE "C",
  key text COLLATE "C",
  retry double precision,
  data text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX IF NOT EXISTS entries_topic ON onward.entries (topic, sequence);
-- by hash, because an id can be too long for an index; not UNIQUE, because appends run one after another and check it
CREATE INDEX IF NOT EXISTS entries_id_topic ON onward.entries (hashtextextended(id, 0), topic) WHERE id IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_key_topic ON onward.entries (hashtextextended(key, 0), topic) WHERE key IS NOT NULL;
-- version 1 to 2
DROP INDEX IF EXISTS onward.entries_id, onward.entries_key;

-- version 2 to 3
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'onward.log'::regclass AND attname = 'place' AND NOT attisdropped) THEN
    ALTER TABLE onward.log RENAME COLUMN place TO relation;
  END IF;
END
$$;
DROP FUNCTION IF EXISTS onward.new_life(), onward.check_life(onward.log);

-- Begins a new epoch and returns its name. Call it after the database was restored to an earlier time.
CREATE OR REPLACE FUNCTION onward.new_epoch() RETURNS text LANGUAGE sql VOLATILE AS $$
  UPDATE onward.log SET epoch = substr(md5(random()::text || clock_timestamp()::text), 1, 8) RETURNING epoch
$$;

-- The timeline of the server, which changes with every promotion (postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES).
CREATE OR REPLACE FUNCTION onward.timeline() RETURNS integer LANGUAGE sql VOLATILE AS $$
  SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
$$;

-- Whether commits wait for a standby.
CREATE OR REPLACE FUNCTION onward.is_replicated() RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') <> 'local'
$$;

INSERT INTO onward.log (epoch, timeline, relation)
SELECT substr(md5(random()::text || clock_timestamp()::text), 1, 8), onward.timeline(), 'onward.log'::regclass
WHERE NOT EXISTS (SELECT FROM onward.log);
`
