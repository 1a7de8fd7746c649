import { OnwardError } from "onward"
import { stream, type Gap, type StreamEvent, type StreamStatus } from "onward/client"
import { escapeControls, printableJson } from "../../printable.ts"
import { explainRefusal } from "../explain-refusal.ts"
import { mercureUrl } from "../server.ts"
import { openOutput, tell, type Terminal } from "../terminal.ts"
import { onlyTopic, parameterOf, type TailOptions } from "./command-line.ts"
import type { Printed } from "./format.ts"
import { runForEvent } from "./run-for-event.ts"
import { countEvents } from "./stats.ts"

/** Runs `onward tail`. Resolves with the exit code; rejects with the error of a pipe that was closed. */
export async function tail(options: TailOptions, terminal: Terminal): Promise<number> {
  const { server, start, events, hasStats } = options
  const output = openOutput(terminal)
  const url = urlOf(options)
  const failing = new AbortController()
  const stats = hasStats ? countEvents((line) => terminal.stderr.write(`${line}\n`)) : undefined
  const arriving = stream(url, {
    headers: { ...server.headers },
    signal: AbortSignal.any([output.closed, failing.signal]),
    onStatus: reportStatus(options, terminal, (error) => failing.abort(error)),
    ...(start && "after" in start && { lastEventId: start.after }),
  })
  let left = options.count
  let code = 0
  try {
    for await (const event of arriving) {
      if (event.event === "stream.gap") {
        await reportGap(event, options, { terminal, write: output.write })
        continue
      }
      if (events.length > 0 && !events.includes(event.event)) continue
      stats?.add(event.data.length)
      code = Math.max(code, await print(event, options, { terminal, write: output.write }))
      if (--left === 0) break
    }
    return code
  } catch (error) {
    if (!(error instanceof OnwardError)) throw error
    const reason = error.code === "bad_status" ? await explainRefusal(server, url) : undefined
    tell(terminal, reason === undefined ? error.message : `The hub refused the stream with ${error.status}: ${reason}`)
    return 1
  } finally {
    stats?.stop()
  }
}

function urlOf(options: TailOptions): string {
  const { server, topics, start, follow, dialect } = options
  const url = dialect !== undefined ? mercureUrl(server) : new URL("events", server.url)
  for (const topic of topics) url.searchParams.append(parameterOf(topic, options), topic)
  if (start && "since" in start) url.searchParams.set("since", start.since)
  if (start && "last" in start) url.searchParams.set("last", String(start.last))
  // each event tells its topic
  if (dialect === undefined && onlyTopic(options) === undefined) url.searchParams.set("topics", "1")
  if (!follow) url.searchParams.set("follow", "false")
  return url.href
}

/** Tells of lost connections. A first connection that fails ends the command: the URL is probably wrong. */
function reportStatus(
  { isQuiet }: TailOptions,
  terminal: Terminal,
  fail: (error: OnwardError) => void,
): (status: StreamStatus) => void {
  let wasOpen = false
  let isLost = false
  return (status) => {
    if (status.state === "open") {
      if (isLost && !isQuiet) tell(terminal, "Connected again.")
      wasOpen = true
      isLost = false
    } else if (status.state === "reconnecting") {
      if (!wasOpen) return fail(status.error)
      if (!isLost && !isQuiet) tell(terminal, status.error.message)
      isLost = true
    }
  }
}

interface Target {
  readonly terminal: Terminal
  readonly write: (text: string) => Promise<void>
}

async function reportGap(event: StreamEvent, { print }: TailOptions, { terminal, write }: Target): Promise<void> {
  const gap = event.json<Gap>()
  const why: Readonly<Record<string, string>> = {
    trimmed: "the hub has removed them",
    epoch: "the hub's log was recreated",
    unknown: "the hub does not know the id",
  }
  tell(terminal, `Events may be missing after ${gap.from || "the start"}: ${why[gap.reason] ?? gap.reason}.`)
  if (print.kind === "json") await write(`${printableJson({ gap })}\n`)
}

/** Prints one event. Returns the exit code to end with. */
async function print(
  { event, id, data, topic: told }: StreamEvent,
  options: TailOptions,
  { terminal, write }: Target,
): Promise<number> {
  const { print, isRaw, hasTime } = options
  const topic = told ?? onlyTopic(options)
  const time = new Date()
  const printed: Printed = { topic, id, event, data, time }
  if (print.kind === "exec") {
    try {
      const code = await runForEvent(print.command, printed, terminal.env)
      if (code === 0) return 0
      tell(terminal, `The command ended with ${code ?? "a signal"} for the event ${id}.`)
    } catch (error) {
      tell(terminal, `The command cannot be started for the event ${id}: ${(error as Error).message}.`)
    }
    return 1
  }
  if (print.kind === "json") {
    await write(`${printableJson({ topic, id, event, data, ...(hasTime && { time }) })}\n`)
    return 0
  }
  await write(print.format(printed, terminal.stdout.isTTY && !isRaw ? cleanText : asItIs))
  return 0
}

const asItIs = (text: string): string => text

/** Data can have lines and tabs. */
const cleanText = (text: string): string => escapeControls(text, (char) => char === "\n" || char === "\t")
