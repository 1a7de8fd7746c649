import { OnwardError } from "../../errors.ts"
import type { NatsConnection } from "./connection.ts"

/** Whether the connection is up. */
export interface ConnectionMonitor {
  readonly isAway: boolean
  /** Settles like `answer`, or rejects when the connection goes down before: a client would wait until it is back. */
  readonly whileHere: <Answer>(answer: Promise<Answer>) => Promise<Answer>
  /** What to reject with while it is down. */
  readonly away: () => OnwardError
  stop(): void
}

export function monitorConnection(
  connection: NatsConnection,
  stream: string,
  { onLeave, onReturn }: { onLeave: () => void; onReturn: () => void },
): ConnectionMonitor {
  const leaving = new Set<() => void>()
  const statuses = connection.status()
  let isAway = false
  let isOver = false

  watch().catch(() => {})

  async function watch(): Promise<void> {
    for await (const { type } of statuses) {
      if (isOver) return
      if (type === "disconnect") {
        isAway = true
        onLeave()
        for (const leave of leaving) leave()
      } else if (type === "reconnect") {
        isAway = false
        onReturn()
      }
    }
  }

  const away = (): OnwardError =>
    new OnwardError(
      "log_unavailable",
      connection.isClosed()
        ? `log ${stream}: the connection is closed: give natsLog one that stays open (\`maxReconnectAttempts: -1\`)`
        : `log ${stream}: NATS is away; the log carries on once it is back`,
    )

  return {
    get isAway() {
      return isAway || connection.isClosed()
    },
    whileHere: (answer) =>
      new Promise((resolve, reject) => {
        const leave = (): void => reject(away())
        leaving.add(leave)
        answer.then(resolve, reject).finally(() => leaving.delete(leave))
      }),
    away,
    stop() {
      isOver = true
      // an iterator of the client's own kind, which its type does not tell
      ;(statuses as { stop?(): void }).stop?.()
    },
  }
}
