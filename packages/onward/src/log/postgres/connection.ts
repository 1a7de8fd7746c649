import { kindOf } from "../../kind.ts"

/** A row as an array of its columns: the form that is the same with every client. */
export type Row = readonly unknown[]

/** Runs one statement. All parameters are text. */
export type Run = (text: string, parameters: readonly (string | null)[]) => Promise<readonly Row[]>

/** One interface for the clients of both packages. */
export interface Connection {
  readonly run: Run
  /** Runs several statements without parameters, in one transaction. */
  readonly script: (text: string) => Promise<unknown>
  /**
   * Listens on a channel with its own connection. Calls `onNotification` with each payload, and without one after every reconnect.
   * Calls `onLost` when it has stopped listening. Absent when the client has only one connection.
   */
  readonly listen?: (
    channel: string,
    onNotification: (payload?: string) => void,
    onLost: () => void,
  ) => Promise<() => Promise<unknown>>
}

/** The members of a `Pool` of `pg` that `postgresLog` uses. */
export interface PgPool extends PgQueryable {
  readonly totalCount: number
  readonly options?: { readonly max?: number }
  connect(): Promise<PgClient>
  on(event: "error", listener: (error: Error) => void): unknown
}

/** A client of `pg`, for use in a transaction. */
export interface PgQueryable {
  query(statement: { text: string; values?: (string | null)[]; rowMode: "array" }): Promise<{ rows: unknown[][] }>
}

export interface PgClient extends PgQueryable {
  on(event: "notification" | "error" | "end", listener: () => void): unknown
  release(destroy?: boolean): void
}

/** The members of the `sql` of `postgres` that `postgresLog` uses. */
export interface PostgresJs extends PostgresJsQueryable {
  listen(
    channel: string,
    onNotification: (payload: string) => void,
    onListen: () => void,
  ): Promise<{ unlisten(): Promise<void> }>
}

/** The `sql` of `postgres`, for use in a transaction. */
export interface PostgresJsQueryable {
  unsafe(text: string, parameters?: (string | null)[], options?: { prepare?: boolean }): PostgresJsQuery
}

export interface PostgresJsQuery extends PromiseLike<unknown> {
  values(): PromiseLike<unknown[][]>
}

/** A client: a `Pool` of `pg`, or the `sql` of `postgres`. */
export type PostgresClient = PgPool | PostgresJs

/** A transaction of your application: a client of `pg`, or the `sql` that `sql.begin` passes. */
export type PostgresTransaction = PgQueryable | PostgresJsQueryable

const withListener = new WeakSet<object>()

/** Detects the kind of client by its methods. Throws a `TypeError` for other values. */
export function connectionOf(client: PostgresClient): Connection {
  if ((typeof client !== "object" && typeof client !== "function") || client === null) throw unfit(client)
  if (isPostgresJs(client) && "listen" in client) {
    return {
      run: runOf(client),
      script: async (text) => client.unsafe(text),
      async listen(channel, onNotification) {
        const listening = await client.listen(channel, onNotification, () => onNotification())
        return () => listening.unlisten()
      },
    }
  }
  if (!("query" in client && "connect" in client && typeof client.totalCount === "number")) {
    throw unfit(client)
  }
  // a pool emits an error for a lost idle connection, which without a listener would end the process
  if (!withListener.has(client)) client.on("error", () => {})
  withListener.add(client)
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

/** Returns a function that runs statements with a client or in a transaction. */
export function runOf(client: PgQueryable | PostgresJsQueryable): Run {
  if (isPostgresJs(client)) {
    // a prepared statement takes one round trip instead of two, unless the client has `prepare: false`
    return async (text, parameters) => client.unsafe(text, [...parameters], { prepare: true }).values()
  }
  return async (text, parameters) => (await client.query({ text, values: [...parameters], rowMode: "array" })).rows
}

const isPostgresJs = (client: object): client is PostgresJsQueryable => "unsafe" in client

async function listen(
  pool: PgPool,
  channel: string,
  onNotification: (payload?: string) => void,
  onLost: () => void,
): Promise<() => Promise<unknown>> {
  const client = await pool.connect()
  let isStopped = false
  const stop = (): boolean => {
    if (isStopped) return false
    isStopped = true
    // the connection still listens, so it must not return to the pool
    client.release(true)
    return true
  }
  const lose = (): void => void (stop() && onLost())
  client.on("error", lose)
  client.on("end", lose)
  // the listener receives the notification, which the type here does not declare
  const notify = ({ payload }: { payload?: string }): void => {
    if (!isStopped) onNotification(payload)
  }
  client.on("notification", notify as () => void)
  try {
    await client.query({ text: `LISTEN ${channel}`, rowMode: "array" })
  } catch (error) {
    stop()
    throw error
  }
  onNotification()
  return async () => stop()
}
