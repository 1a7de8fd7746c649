import { OnwardError } from "../../errors.ts"
import type { NatsConnection } from "./connection.ts"

/** Watches whether the connection is up. */
export interface ConnectionMonitor {
  readonly isDown: boolean
  /** Settles like `call`, or rejects when the connection goes down first: the client would wait until it has reconnected. */
  readonly whileUp: <Result>(call: Promise<Result>) => Promise<Result>
  /** The error of calls while the connection is down. */
  readonly downError: () => OnwardError
  stop(): void
}

export function monitorConnection(
  connection: NatsConnection,
  stream: string,
  { onDisconnect, onReconnect }: { onDisconnect: () => void; onReconnect: () => void },
): ConnectionMonitor {
  const rejections = new Set<() => void>()
  const statuses = connection.status()
  let isDisconnected = false
  let isStopped = false

  watch().catch(() => {})

  async function watch(): Promise<void> {
    for await (const { type } of statuses) {
      if (isStopped) return
      if (type === "disconnect") {
        isDisconnected = true
        onDisconnect()
        for (const rejectCall of rejections) rejectCall()
      } else if (type === "reconnect") {
        isDisconnected = false
        onReconnect()
      }
    }
  }

  const downError = (): OnwardError =>
    new OnwardError(
      "log_unavailable",
      connection.isClosed()
        ? `log ${stream}: the connection is closed. Pass natsLog one that stays open (\`maxReconnectAttempts: -1\`).`
        : `log ${stream}: the connection to NATS is down. The log continues when the client has reconnected.`,
    )

  return {
    get isDown() {
      return isDisconnected || connection.isClosed()
    },
    whileUp: (call) =>
      new Promise((resolve, reject) => {
        const rejectCall = (): void => reject(downError())
        rejections.add(rejectCall)
        call.then(resolve, reject).finally(() => rejections.delete(rejectCall))
      }),
    downError,
    stop() {
      isStopped = true
      // the iterator has this method, but its type does not
      ;(statuses as { stop?(): void }).stop?.()
    },
  }
}
