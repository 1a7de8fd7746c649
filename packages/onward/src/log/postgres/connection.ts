import { kindOf } from "../../kind.ts"

/** A row as an array of its columns, the same from every client, whatever it makes of names. */
export type Row = readonly unknown[]

/** Runs one statement whose parameters are all text. */
export type Run = (text: string, parameters: readonly (string | null)[]) => Promise<readonly Row[]>

/** What the log does with a client, whichever it is. */
export interface Connection {
  readonly run: Run
  /** Runs several statements without parameters, in one transaction. */
  readonly script: (text: string) => Promise<unknown>
  /**
   * Hears a channel on a connection of its own. `onNews` is called with each payload, and with none after every reconnect;
   * `onLost` when it stopped hearing. Absent when the client has no connection to spare.
   */
  readonly listen?: (
    channel: string,
    onNews: (payload?: string) => void,
    onLost: () => void,
  ) => Promise<() => Promise<unknown>>
}

/** What `postgresLog` needs of a `Pool` of `pg`. */
export interface PgPool extends PgQueryable {
  readonly totalCount: number
  readonly options?: { readonly max?: number }
  connect(): Promise<PgClient>
  on(event: "error", listener: (error: Error) => void): unknown
}

/** A client of `pg`, as a transaction of yours has it. */
export interface PgQueryable {
  query(statement: { text: string; values?: (string | null)[]; rowMode: "array" }): Promise<{ rows: unknown[][] }>
}

export interface PgClient extends PgQueryable {
  on(event: "notification" | "error" | "end", listener: () => void): unknown
  release(destroy?: boolean): void
}

/** What `postgresLog` needs of the `sql` of `postgres`. */
export interface PostgresJs extends PostgresJsQueryable {
  listen(
    channel: string,
    onNews: (payload: string) => void,
    onListen: () => void,
  ): Promise<{ unlisten(): Promise<void> }>
}

/** The `sql` of `postgres`, as a transaction of yours has it. */
export interface PostgresJsQueryable {
  unsafe(text: string, parameters?: (string | null)[], options?: { prepare?: boolean }): PostgresJsQuery
}

export interface PostgresJsQuery extends PromiseLike<unknown> {
  values(): PromiseLike<unknown[][]>
}

/** A client: a `Pool` of `pg`, or the `sql` of `postgres`. */
export type PostgresClient = PgPool | PostgresJs

/** A transaction of yours: a client of `pg`, or the `sql` that `sql.begin` gives. */
export type PostgresTransaction = PgQueryable | PostgresJsQueryable

const heard = new WeakSet<object>()

/** Tells which client it is by what it can do. Throws a `TypeError` when it can be neither. */
export function connectionOf(client: PostgresClient): Connection {
  if ((typeof client !== "object" && typeof client !== "function") || client === null) throw unfit(client)
  if (isPostgresJs(client) && "listen" in client) {
    return {
      run: runOf(client),
      script: async (text) => client.unsafe(text),
      async listen(channel, onNews) {
        const listening = await client.listen(channel, onNews, () => onNews())
        return () => listening.unlisten()
      },
    }
  }
  if (!("query" in client && "connect" in client && typeof client.totalCount === "number")) {
    throw unfit(client)
  }
  // a pool tells of connections it lost while nobody used them; without a listener that would end the process
  if (!heard.has(client)) client.on("error", () => {})
  heard.add(client)
  const connection: Connection = {
    run: runOf(client),
    script: (text) => client.query({ text, rowMode: "array" }),
  }
  if ((client.options?.max ?? 10) < 2) return connection
  return { ...connection, listen: (...words) => listen(client, ...words) }
}

const unfit = (client: unknown): TypeError =>
  new TypeError(
    `postgresLog takes a Pool of pg, or the sql of postgres, not ${kindOf(client)}. A single connection does not reconnect, so pass a pool.`,
  )

/** Runs statements by a client or in a transaction. */
export function runOf(client: PgQueryable | PostgresJsQueryable): Run {
  if (isPostgresJs(client)) {
    // prepared it takes one round trip instead of two; a client told `prepare: false` does not
    return async (text, parameters) => client.unsafe(text, [...parameters], { prepare: true }).values()
  }
  return async (text, parameters) => (await client.query({ text, values: [...parameters], rowMode: "array" })).rows
}

const isPostgresJs = (client: object): client is PostgresJsQueryable => "unsafe" in client

async function listen(
  pool: PgPool,
  channel: string,
  onNews: (payload?: string) => void,
  onLost: () => void,
): Promise<() => Promise<unknown>> {
  const client = await pool.connect()
  let isOver = false
  const stop = (): boolean => {
    if (isOver) return false
    isOver = true
    // it listens: nobody else should get it
    client.release(true)
    return true
  }
  const lose = (): void => void (stop() && onLost())
  client.on("error", lose)
  client.on("end", lose)
  // the types of pg cannot say it, but a notification comes with one
  const hear = ({ payload }: { payload?: string }): void => {
    if (!isOver) onNews(payload)
  }
  client.on("notification", hear as () => void)
  try {
    await client.query({ text: `LISTEN ${channel}`, rowMode: "array" })
  } catch (error) {
    stop()
    throw error
  }
  onNews()
  return async () => stop()
}
