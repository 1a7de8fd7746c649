/** "Onwd", so that `file events.db` and we know our own (sqlite.org/fileformat.html, section 1.3.9). */
export const APPLICATION_ID = 0x4f6e7764

/** Raised with every change of the tables; a file with a greater one is refused. */
export const SCHEMA_VERSION = 2

/**
 * Entries of one topic are looked up segment by segment of so many sequence numbers, as bits. An index by topic alone would
 * touch a page for every topic of a commit; this one touches the few pages of the newest segment, which makes a commit of
 * 100 messages on 50 topics a quarter as large.
 */
const SEGMENT_BITS = 12

/** The segment a sequence number is in; `entries_topic` is by the same. */
export const segmentOf = (sequence: number): number => Math.floor(sequence / 2 ** SEGMENT_BITS)

/** The last sequence number of a segment. */
export const endOfSegment = (segment: number): number => (segment + 1) * 2 ** SEGMENT_BITS - 1

/** The segment of an entry in SQL. */
export const SEGMENT: string = `sequence >> ${SEGMENT_BITS}`

/** An id or a key belongs to its topic. */
const NAMES = `
  CREATE UNIQUE INDEX entries_id ON entries (id, topic) WHERE id IS NOT NULL;
  CREATE UNIQUE INDEX entries_key ON entries (key, topic) WHERE key IS NOT NULL;
`

/** Makes the tables of each older version those of the next one. */
export const MIGRATIONS: Readonly<Record<number, string>> = {
  /** In version 1 an id or a key was taken for all topics. */
  1: `DROP INDEX entries_id; DROP INDEX entries_key; ${NAMES}`,
}

/**
 * Sequence numbers are given by `log.last`, inside the transaction that stores the entries, and never twice. Counts and
 * sizes are kept along with the entries, because counting them would cost more the more there are. A topic without kept
 * entries stays for its mark: `trimmed` is how far it was removed, and its own when `own` is 1 (see `Mark`).
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
