import { MAX_REMOVED_POSITIONS } from "../driver/removed-positions.ts"
import { MAX_SAME_ID } from "../driver/id-index.ts"
import { append } from "./schema-append.ts"
import { limits } from "./schema-limits.ts"
import { loss } from "./schema-loss.ts"
import { read } from "./schema-read.ts"

/** How we know our own: the comment of the schema. A change of the tables makes it another. */
export const MARK = "Onward log, version 2"

/** Schemas of these versions become this one's by running {@link postgresSchema}. */
export const OLDER_MARKS: readonly string[] = ["Onward log, version 1"]

/** Names that need no quotes, so that every way of naming the schema is the same. */
export function checkSchemaName(schema: string): void {
  if (!/^[a-z_][a-z0-9_]{0,40}$/.test(schema) || schema.startsWith("pg_")) {
    throw new TypeError(
      "schema must be lower-case letters, digits and _, at most 41, and not begin with a digit or pg_",
    )
  }
}

/**
 * The SQL that makes the tables and functions of a log, or leaves them as they are: run it as often as you like, in one
 * transaction. `postgresLog` runs it by itself unless told `migrate: false`.
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
 * Positions are given by `log.last`, whose row an append locks until it commits: that is what makes the order of positions the
 * order of commits. Counts and sizes are kept along with the entries, because counting them would cost more the more there are.
 * Nothing at or below `head` is kept. A topic without kept entries stays for its mark: `trimmed` is how far it was removed,
 * and its own when `own` is true.
 */
const tables = `
-- two processes may come first at once
SELECT pg_advisory_xact_lock(hashtext('onward SCHEMA_NAME'));
CREATE SCHEMA IF NOT EXISTS SCHEMA_NAME;
COMMENT ON SCHEMA SCHEMA_NAME IS '${MARK}';

CREATE TABLE IF NOT EXISTS onward.log (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch text NOT NULL,
  -- which server wrote last: a change means a failover, or a restored backup
  timeline integer NOT NULL,
  place oid NOT NULL,
  system text,
  -- whether a commit waited for a standby
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
-- by hash, because ids may be longer than what an index can hold; unique they are because appends wait for each other
CREATE INDEX IF NOT EXISTS entries_id_topic ON onward.entries (hashtextextended(id, 0), topic) WHERE id IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_key_topic ON onward.entries (hashtextextended(key, 0), topic) WHERE key IS NOT NULL;
-- those of version 1
DROP INDEX IF EXISTS onward.entries_id, onward.entries_key;

-- A name for one life of the log: positions of another mean nothing. To be called after the database was put back to an earlier time.
CREATE OR REPLACE FUNCTION onward.new_life() RETURNS text LANGUAGE sql VOLATILE AS $$
  UPDATE onward.log SET epoch = substr(md5(random()::text || clock_timestamp()::text), 1, 8) RETURNING epoch
$$;

-- The timeline of the server: another after every promotion (postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES).
CREATE OR REPLACE FUNCTION onward.timeline() RETURNS integer LANGUAGE sql VOLATILE AS $$
  SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
$$;

-- Whether commits wait for a standby.
CREATE OR REPLACE FUNCTION onward.is_replicated() RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') <> 'local'
$$;

INSERT INTO onward.log (epoch, timeline, place)
SELECT substr(md5(random()::text || clock_timestamp()::text), 1, 8), onward.timeline(), 'onward.log'::regclass
WHERE NOT EXISTS (SELECT FROM onward.log);
`
