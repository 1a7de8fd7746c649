import { appendFileSync, readFileSync } from "node:fs"
import type { Gap } from "../../src/client/index.ts"
import type { SubscribeOptions } from "../../src/hub/index.ts"
import type { Position } from "../../src/message.ts"

/** What one subscriber was handed, in order: the name of a message, or what it was told it missed. */
export type Seen = string | Pick<Gap, "reason" | "from" | "to">

/** An entry as it was found in the store. */
export interface Fact {
  readonly position: Position
  readonly topic: string
  readonly name: string
  /** The publisher's own id. */
  readonly id?: string
}

/** A run as it was seen from outside: by its publishers, by its subscribers, and by one who reads the store itself. */
export interface History {
  /** Every entry there ever was, life after life of the log, in the log's order. */
  readonly facts: readonly Fact[]
  /** What the log holds in the end, read afresh. */
  readonly kept: readonly Fact[]
  /** Names of the messages whose publish was answered with an id. */
  readonly acked: readonly string[]
  readonly subscribers: readonly { readonly selection: SubscribeOptions; readonly seen: readonly Seen[] }[]
  /** Most entries the log keeps. */
  readonly keeps: number
  /** Whether the store was set up to lose acknowledged messages when it fails over: then a new life of the log may lack some. */
  readonly mayLose: boolean
}

/** Writes lines to a file as they happen, a few at a time. */
export function createJournal(file: string): { write(line: unknown): void; flush(): void } {
  let lines = ""
  const flush = (): void => {
    if (lines !== "") appendFileSync(file, lines)
    lines = ""
  }
  setInterval(flush, 200).unref()
  return {
    write(line) {
      lines += `${JSON.stringify(line)}\n`
    },
    flush,
  }
}

export function readJournal<T>(file: string): T[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T)
}
