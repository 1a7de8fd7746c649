import type { TopicReceiver } from "../hub/index.ts"
import { lostAfter, sentIn, type Sent } from "./read.ts"

/** Maximum number of characters of messages that wait for a client; then the log is read only when they are taken. */
const MAX_CHARS = 65_536

/** Receives the messages of one stream for a client that takes them when it can. */
export interface Inbox extends TopicReceiver {
  /** Resolves when there may be more to take. */
  readonly next: Promise<void>
  /** Takes what has arrived; undefined when nothing will follow. @throws OnwardError `invalid_start` when messages are lost */
  take(): readonly Sent[] | undefined
  readonly wake: () => void
}

export function createInbox(topic: string, stream: string): Inbox {
  let sent: Sent[] = []
  let chars = 0
  let isLost = false
  let isOver = false
  let bell = Promise.withResolvers<void>()
  const wake = (): void => bell.resolve()
  return {
    get next() {
      return bell.promise
    },
    wake,
    take() {
      bell = Promise.withResolvers()
      const taken = sent
      sent = []
      chars = 0
      if (taken.length > 0) return taken
      if (isLost) throw lostAfter()
      return isOver ? undefined : taken
    },
    onEntries(entries) {
      if (isLost) return false
      for (const entry of entries) {
        const message = sentIn(topic, stream, entry)
        if (!message) continue
        sent.push(message)
        chars += entry.data.length
      }
      if (sent.length > 0) wake()
      return chars < MAX_CHARS
    },
    onLost() {
      isLost = true
      wake()
    },
    onEnd() {
      isOver = true
      wake()
    },
  }
}
