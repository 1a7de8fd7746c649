import { setTimeout as sleep } from "node:timers/promises"
import { OnwardError } from "onward"
import { printableJson } from "../../printable.ts"
import { openOutput, tell, type Output, type Terminal } from "../terminal.ts"
import { SORTS, type Sort, type TopOptions } from "./command-line.ts"
import { readSnapshot, type Snapshot } from "./snapshot.ts"
import { streamTable } from "./table.ts"

/** Lines of the screen that are no streams. */
const OTHER_LINES = 4
/** Streams and characters where there is no terminal. */
const DEFAULT_LIMIT = 20
const DEFAULT_WIDTH = 160

/** Begins the other screen of a terminal, and returns to the usual one (xterm control sequences, DECSET 1049). */
const OPEN_SCREEN = "\x1b[?1049h\x1b[?25l"
const CLOSE_SCREEN = "\x1b[?25h\x1b[?1049l"
/** Moves to the start, and clears what follows. */
const HOME = "\x1b[H"
const CLEAR_LINE = "\x1b[K"
const CLEAR_REST = "\x1b[J"

/** Runs `onward top`. Resolves with the exit code. */
export async function top(options: TopOptions, terminal: Terminal): Promise<number> {
  const output = openOutput(terminal)
  try {
    if (terminal.stdout.isTTY && !options.isJson) await showScreen(options, terminal, output)
    else await printOnce(options, terminal, output)
    return 0
  } catch (error) {
    if (!(error instanceof OnwardError)) throw error
    tell(terminal, error.message)
    return 1
  }
}

async function printOnce(
  { server, sort, filter, limit, isJson }: TopOptions,
  { stdout }: Terminal,
  output: Output,
): Promise<void> {
  const snapshot = await readSnapshot(server, { sort, filter, limit: limit ?? DEFAULT_LIMIT })
  if (isJson) return output.write(`${printableJson(snapshot)}\n`)
  const lines = streamTable(snapshot, { before: undefined, width: stdout.columns ?? DEFAULT_WIDTH })
  await output.write(`${lines.join("\n")}\n`)
}

async function showScreen(options: TopOptions, terminal: Terminal, output: Output): Promise<void> {
  const { server, filter, interval } = options
  const { stdout } = terminal
  const quitting = new AbortController()
  let { sort } = options
  let wake = new AbortController()
  const stopReading = readKeys(terminal, (key) => {
    if (key === "q" || key === "\x03") quitting.abort()
    const chosen = SORTS.find((each) => each.startsWith(key))
    if (chosen) sort = chosen
    wake.abort()
  })
  const onSignal = (): void => quitting.abort()
  process.once("SIGTERM", onSignal).once("SIGINT", onSignal)
  let before: Snapshot | undefined
  await output.write(OPEN_SCREEN)
  try {
    while (!quitting.signal.aborted) {
      wake = new AbortController()
      const { columns: width = 80, rows = 24 } = stdout
      const limit = Math.max(1, Math.min(options.limit ?? 1_000, rows - OTHER_LINES))
      const snapshot = await readSnapshot(server, { sort, filter, limit })
      const lines = [
        title(snapshot, { url: server.url, sort, filter }).slice(0, width),
        "",
        ...streamTable(snapshot, { before, width }),
      ]
      await output.write(HOME + lines.map((line) => `${line}${CLEAR_LINE}\n`).join("") + CLEAR_REST)
      before = snapshot
      await sleep(interval, undefined, { signal: AbortSignal.any([quitting.signal, wake.signal]) }).catch(() => {})
    }
  } finally {
    stopReading()
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal)
    await output.write(CLOSE_SCREEN)
  }
}

const title = (
  { total, at }: Snapshot,
  { url, sort, filter }: { readonly url: string; readonly sort: Sort; readonly filter: string | undefined },
): string =>
  `Onward at ${url}  ${total.toLocaleString("en-US")} streams${filter === undefined ? "" : ` with "${filter}"`}, by ${sort}  ${new Date(at).toLocaleTimeString()}  (l, o, b: sort; q: quit)`

/** Calls `onKey` for each key. Returns the undo function. */
function readKeys({ stdin }: Terminal, onKey: (key: string) => void): () => void {
  const input = stdin as Terminal["stdin"] & { setRawMode?: (isRaw: boolean) => void }
  if (!input.isTTY) return () => {}
  const onData = (data: Buffer): void => onKey(data.toString())
  input.setRawMode?.(true)
  input.on("data", onData).resume()
  return () => {
    input.off("data", onData).pause()
    input.setRawMode?.(false)
  }
}
