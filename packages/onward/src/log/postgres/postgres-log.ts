import { checkClock, type Clock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { Message, Position } from "../../message.ts"
import { createBatcher } from "../driver/batcher.ts"
import { checkMessage } from "../driver/check-message.ts"
import { createGate } from "../driver/gate.ts"
import { FORGET_STEP } from "../driver/forget.ts"
import { parsePosition } from "../driver/position.ts"
import type { Appended, ForgetQuery, Log, Retention } from "../log.ts"
import { checkKinds, checkNames, durationOf } from "../../options.ts"
import { limitsOf, RETENTION_NAMES } from "../driver/retention.ts"
import { createSweeper } from "../driver/sweeper.ts"
import { timeoutOf } from "../driver/timeout.ts"
import { connectionOf, runOf, type PostgresClient, type PostgresTransaction } from "./connection.ts"
import { isIncomplete, isOfOneCall, isUnreachable, toOnwardError } from "./failure.ts"
import { createNotifications } from "./notifications.ts"
import { openTables } from "./open.ts"
import { createReader } from "./reader.ts"
import { checkSchemaName } from "./schema.ts"
import { appendTo, limitsText } from "./append.ts"
import { arrayOf } from "./text.ts"

export interface PostgresLogOptions {
  /** The schema of the log's tables and functions. Each log needs its own. @default "onward" */
  readonly schema?: string
  /** The limits on what the log keeps. @default 1,000,000 entries, 1 GiB */
  readonly retention?: Retention
  /** Whether to create missing tables. Otherwise run the SQL of `postgresSchema` yourself. @default true */
  readonly migrate?: boolean
  /** Whether to announce appends by NOTIFY and listen for them. It takes one connection while the log is watched. @default true */
  readonly notify?: boolean
  /** How often to poll for appends of other processes, in milliseconds, while the log is watched. @default 1_000 with NOTIFY, else 100 */
  readonly pollInterval?: number
  /** How long a call waits for PostgreSQL, in milliseconds, before it rejects with `log_unavailable`. @default 5_000 */
  readonly timeout?: number
  /** The clock for the time and age of entries, for tests. @default the clock of the PostgreSQL server */
  readonly clock?: Clock
}

/** A log that can append in the transactions of your application. */
export interface PostgresLog extends Log {
  /**
   * Appends in your transaction: subscribers receive the messages if it commits. All other appends wait until the transaction ends, so
   * append last. Rejects with `invalid_message` or `invalid_selector` like `hub.publish`.
   */
  appendIn(transaction: PostgresTransaction, messages: readonly Message[]): Promise<Appended>
}

const OPTIONS = ["schema", "retention", "migrate", "notify", "pollInterval", "timeout", "clock", ...RETENTION_NAMES]

const DEFAULT_RETENTION: Retention = { count: 1_000_000, bytes: 1024 ** 3 }
/** Maximum size of a message, in bytes: the default of a hub. */
const MESSAGE_BYTES = 1024 * 1024

/**
 * Creates a log in PostgreSQL (13 or later), which any number of processes can share. `client` is a `Pool` of `pg` or the `sql` of
 * `postgres` (created with `fetch_types: false`, or a restart of the server can end the process, see docs/postgres.md). The log does not
 * close it. The first call connects, and reports errors of the server.
 *
 * @example
 * const hub = createHub({ log: postgresLog(new Pool({ connectionString: process.env.DATABASE_URL })) })
 */
export function postgresLog(client: PostgresClient, options: PostgresLogOptions = {}): PostgresLog {
  checkNames("postgresLog", options, OPTIONS)
  checkKinds("postgresLog", options, { migrate: "true or false", notify: "true or false" })
  const { schema = "onward", retention = DEFAULT_RETENTION, migrate = true, notify = true, clock } = options
  if (clock !== undefined) checkClock("postgresLog", clock)
  checkSchemaName(schema)
  const timeout = timeoutOf("postgresLog", options.timeout)
  const { pollInterval } = options
  durationOf("postgresLog: `pollInterval`", pollInterval, 1)
  const limits = limitsOf(retention)
  const connection = connectionOf(client)
  const reader = createReader(connection.run, schema)
  const channel = notify ? `${schema}_news` : undefined
  const gate = createGate()
  let opening: Promise<void> | undefined

  const notifications = createNotifications({
    ...{ connection, channel, pollInterval },
    readNewest: async () => (await query(() => reader.bounds())).last,
  })
  const append = createBatcher({
    log: schema,
    write: (batch) =>
      withTimeout("write", async () => {
        const calls = batch.map(({ messages }) => messages)
        const shape = { schema, clock, limits, lockTimeout: timeout, channel }
        const { appended, newest, isBehind } = await appendTo(connection.run, calls, shape)
        if (calls.some(({ length }) => length > 0)) notifications.wake(newest)
        if (isBehind) sweeper.sweep()
        return appended
      }),
    isOfOneAppend: (error) => isOfOneCall((error as Error).cause),
  })
  // a sweep ends early when the log is closing
  const sweeper = createSweeper(limits, () => gate.call(() => trim(() => gate.isClosed)))

  /** Opens the tables before the first call, applies the timeout, and converts errors. */
  async function withTimeout<T>(kind: "read" | "write", run: () => Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      const advice =
        kind === "write"
          ? ", and the messages are possibly stored. Retry with an `idempotencyKey`."
          : ". Check the server, its load and the size of the pool."
      const error = new OnwardError("log_unavailable", `log ${schema}: no response within ${timeout} ms${advice}`)
      timer = setTimeout(() => reject(error), timeout)
    })
    try {
      return await Promise.race([open().then(run), late])
    } catch (error) {
      if (isIncomplete(error)) opening = undefined
      throw toOnwardError(schema, error)
    } finally {
      clearTimeout(timer)
    }
  }

  function open(): Promise<void> {
    opening ??= openTables(connection, schema, migrate).catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }

  /** Runs a read, and repeats it after a connection error: a pool does not detect that the server has restarted. */
  const query = <T>(run: () => Promise<T>): Promise<T> =>
    withTimeout("read", () =>
      run().catch((error: unknown) => (isUnreachable(error) ? run() : Promise.reject(error as Error))),
    )

  async function trim(isOver = (): boolean => false): Promise<void> {
    const text = `SELECT ${schema}.trim($1::text::float8, $2::text::float8[], $3::text::integer)`
    const step = async (): Promise<boolean> => {
      const [row] = await connection.run(text, [
        clock ? String(clock.now()) : null,
        limitsText(limits),
        String(timeout),
      ])
      return row?.[0] === true
    }
    while (await withTimeout("read", step)) if (isOver()) return
  }

  async function forget({ topics, upTo }: ForgetQuery): Promise<number> {
    const place = parsePosition(upTo)
    if (!place) return 0
    const names = topics ? arrayOf(topics) : null
    const text = `SELECT ${schema}.forget($1::text::text[], $2::text, $3::text::bigint, $4::text::integer, $5::text::integer)`
    const values = [names, place.epoch, String(place.sequence), String(FORGET_STEP), String(timeout)]
    for (let removed = 0; ;) {
      const [row] = await withTimeout("read", () => connection.run(text, values))
      const now = Number(row?.[0])
      removed += now
      if (now < FORGET_STEP) return removed
    }
  }

  return {
    append: (messages) => gate.call(() => append(messages)),
    read: (options) => gate.call(() => query(() => reader.read(options))),
    bounds: () => gate.call(() => query(() => reader.bounds())),
    locate: (landmark) => gate.call(() => query(() => reader.locate(landmark))),
    watch: (wake: (newest?: Position) => void) => gate.call(async () => notifications.watch(wake)),
    trim: () => gate.call(() => trim()),
    forget: (query) => gate.call(() => forget(query)),
    appendIn: (transaction, messages) =>
      gate.call(async () => {
        const checked = messages.map((message) => checkMessage(message, MESSAGE_BYTES))
        const shape = { schema, clock, limits, lockTimeout: undefined, channel }
        try {
          await open()
          const { appended } = await appendTo(runOf(transaction), [checked], shape)
          return appended[0] as Appended
        } catch (error) {
          throw toOnwardError(schema, error)
        }
      }),
    close: () => gate.close({ stop: () => sweeper.stop(), free: () => notifications.close() }),
  }
}
