import type { TestContext } from "node:test"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import type { Entry, Log } from "../../src/log/index.ts"
import { natsLog, type NatsLogOptions } from "../../src/log/nats/index.ts"

/** A connection that never gives up, closed when the test is over. */
export async function connectTo(
  t: TestContext,
  servers: string | readonly string[],
  more = {},
): Promise<NatsConnection> {
  const patience = { maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnectJitter: 10 }
  const connection = await connect({
    servers: typeof servers === "string" ? servers : [...servers],
    ...patience,
    ...more,
  })
  t.after(() => connection.close())
  return connection
}

/** A log of its own connection; several on one stream stand for several processes. */
export async function openLog(
  t: TestContext,
  servers: string | readonly string[],
  options: NatsLogOptions = {},
): Promise<Log> {
  const log = natsLog(await connectTo(t, servers), { retention: {}, ...options })
  t.after(() => log.close())
  return log
}

export async function entriesOf(log: Log): Promise<readonly Entry[]> {
  return (await log.read({ after: (await log.bounds()).first, limit: 1_000_000 })).entries
}

export const dataOf = async (log: Log): Promise<string[]> => (await entriesOf(log)).map(({ data }) => data)

/** Does it until it succeeds, as a publisher would whose messages have keys. */
export async function insist<Result>(run: () => Promise<Result>, patience = 20_000): Promise<Result> {
  const deadline = Date.now() + patience
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (Date.now() > deadline || !(error as { retryable?: boolean }).retryable) throw error
      await new Promise((resolve) => void setTimeout(resolve, 50))
    }
  }
}
