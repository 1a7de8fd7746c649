import { open } from "node:fs/promises"
import { OnwardError } from "onward"
import {
  createBatcher,
  createEpoch,
  createGate,
  createKeptEntries,
  createSweeper,
  createWatchers,
  limitsOf,
  type Log,
  type Retention,
  type StoredMessage,
} from "onward/log/driver"

interface Options {
  readonly retention?: Retention
  readonly clock?: { now(): number }
}

/** One write: the appends of a batch, and the time of their entries. */
interface Line {
  readonly time: number
  readonly calls: readonly (readonly StoredMessage[])[]
}

/** A log in a file of JSON lines, for one process. Kept entries are in memory; the file only grows. */
export async function jsonLinesLog(path: string, { retention = {}, clock = Date }: Options = {}): Promise<Log> {
  const limits = limitsOf(retention)
  const file = await open(path, "a+")
  const text = await file.readFile("utf8")
  // a crash can leave half a line, which was not acknowledged
  const whole = text.slice(0, text.lastIndexOf("\n") + 1)
  let size = Buffer.byteLength(whole)
  await file.truncate(size)
  const [first, ...lines] = whole.split("\n").slice(0, -1)
  const epoch = first ?? createEpoch()
  if (first === undefined) await write(`${epoch}\n`)
  const kept = createKeptEntries(epoch, limits)
  for (const line of lines) apply(JSON.parse(line) as Line)

  async function write(lineText: string): Promise<void> {
    try {
      await file.appendFile(lineText)
      await file.datasync()
    } catch (cause) {
      await file.truncate(size)
      throw new OnwardError("log_unavailable", `Cannot write to ${path}. Check the disk, then retry.`, { cause })
    }
    size += Buffer.byteLength(lineText)
  }

  function apply({ time, calls }: Line) {
    kept.expire(time)
    return calls.map((messages) => kept.append(messages, time))
  }

  const gate = createGate()
  const watchers = createWatchers()
  const sweeper = createSweeper(limits, () => kept.expire(clock.now()))
  const append = createBatcher({
    log: path,
    async write(batch) {
      const line: Line = { time: Math.max(kept.time, clock.now()), calls: batch.map(({ messages }) => messages) }
      await write(`${JSON.stringify(line)}\n`)
      const appended = apply(line)
      watchers.wake(kept.bounds().last)
      return appended
    },
  })
  const answer = <Result>(question: () => Result): Promise<Result> =>
    gate.call(async () => {
      kept.expire(clock.now())
      return question()
    })

  return {
    append: (messages) => gate.call(() => append(messages)),
    read: (query) => answer(() => kept.read(query)),
    bounds: () => answer(() => kept.bounds()),
    locate: (landmark) => answer(() => kept.locate(landmark)),
    watch: (wake) => gate.call(async () => watchers.add(wake)),
    close: () => gate.close({ stop: () => sweeper.stop(), free: () => file.close() }),
  }
}
