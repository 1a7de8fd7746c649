/** "Onwd": identifies the file as a log (sqlite.org/fileformat.html, section 1.3.9). */
export const APPLICATION_ID = 0x4f6e7764

/** Increased with every change of the tables. A file with a greater version is refused. */
export const SCHEMA_VERSION = 2

/**
 * The size of a segment of sequence numbers, as a power of two. Entries of a topic are searched segment by segment. An index by topic
 * alone would change a page for every topic of a commit; this one changes the few pages of the newest segment, so a commit of
 * 100 messages on 50 topics is a quarter as large.
 */
const SEGMENT_BITS = 12

/** The segment of a sequence number, the same as in the index `entries_topic`. */
export const segmentOf = (sequence: number): number => Math.floor(sequence / 2 ** SEGMENT_BITS)

/** The last sequence number of a segment. */
export const endOfSegment = (segment: number): number => (segment + 1) * 2 ** SEGMENT_BITS - 1

/** The SQL expression for the segment of an entry. */
export const SEGMENT: string = `sequence >> ${SEGMENT_BITS}`

/** Ids and idempotency keys are unique within a topic. */
const NAMES = `
  CREATE UNIQUE INDEX entries_id ON entries (id, topic) WHERE id IS NOT NULL;
  CREATE UNIQUE INDEX entries_key ON entries (key, topic) WHERE key IS NOT NULL;
`

/** The SQL that migrates the tables of each older version to the next one. */
export const MIGRATIONS: Readonly<Record<number, string>> = {
  /** In version 1, ids and idempotency keys were unique in the whole log. */
  1: `DROP INDEX entries_id; DROP INDEX entries_key; ${NAMES}`,
}

/**
 * Sequence numbers are taken from `log.last`, in the transaction that stores the entries, and never twice. Counts and sizes are
 * stored, because computing them would take longer with every entry. The row of a topic without kept entries stays for its newest
 * removed position, `trimmed`. With `own` 0, that is an upper bound only (see `RemovedPosition`).
 */
export const SCHEMA: string = `
  CREATE TABLE log (
    epoch TEXT NOT NULL,
    last INTEGER NOT NULL,
    time REAL NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    trimmed INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    empty_topics INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    trimmed INTEGER NOT NULL,
    own INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX topics_empty ON topics (trimmed) WHERE count = 0;

  CREATE TABLE entries (
    sequence INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    time REAL NOT NULL,
    size INTEGER NOT NULL,
    event TEXT,
    id TEXT,
    key TEXT,
    retry REAL,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX entries_topic ON entries (${SEGMENT}, topic);
  ${NAMES}
`
