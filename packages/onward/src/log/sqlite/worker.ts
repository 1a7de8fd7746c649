import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads"
import type { Moment } from "./age-clock.ts"
import { failureOf, type Failure } from "./failure.ts"
import type { AppendCall, ForgetCall, Reply, Request, WriterOptions } from "./protocol.ts"
import { WIDTH } from "./protocol.ts"
import { Writer } from "./writer.ts"

/** Maximum number of messages in one commit. A single append can have more. */
const MAX_GROUP = 4096

// The writer thread. Appends that arrive while it commits form the next commit.

const port = parentPort as MessagePort
const writer = new Writer(workerData as WriterOptions)
const calls: AppendCall[] = []
const trims: number[] = []
const forgets: (ForgetCall & { removed: number })[] = []
let moment: Moment = { wall: 0, monotonic: 0 }
let mustSweep = false
let isClosing = false

port.on("message", (request: Request) => {
  take(request)
  do takeAll()
  while (work())
})

function takeAll(): void {
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) take(next.message as Request)
}

function take(request: Request): void {
  switch (request.kind) {
    case "append":
      for (const call of request.calls) calls.push(call)
      break
    case "trim":
      if (request.ticket !== undefined) trims.push(request.ticket)
      moment = request.moment
      mustSweep = true
      break
    case "forget":
      forgets.push({ ...request.call, removed: 0 })
      break
    case "close":
      isClosing = true
      break
  }
}

/** Does the most urgent task. False when there was nothing to do. */
function work(): boolean {
  if (calls.length > 0) {
    reply(writer.append(group()))
    mustSweep ||= writer.isBehind
    return true
  }
  if (forgets[0]) {
    forget(forgets[0])
    return true
  }
  // closing does not wait for a sweep, which the next process can do
  if (mustSweep && !isClosing) {
    sweep()
    return true
  }
  if (isClosing) {
    writer.close()
    port.close()
  }
  return false
}

function group(): AppendCall[] {
  let count = 0
  const end = calls.findIndex(({ columns }, i) => {
    count += columns.length / WIDTH
    return i > 0 && count > MAX_GROUP
  })
  const group = calls.splice(0, end < 0 ? calls.length : end)
  moment = group.at(-1)?.moment ?? moment
  return group
}

/** One step: what is appended in the meantime comes first. */
function forget(call: ForgetCall & { removed: number }): void {
  const { ticket, topics, upTo } = call
  try {
    const { removed, isDone } = writer.forget(topics, upTo)
    call.removed += removed
    if (!isDone) return
    reply([{ ticket, removed: call.removed }])
  } catch (error) {
    reply([{ ticket, failure: failureOf(error) }])
  }
  forgets.shift()
}

function sweep(): void {
  let failure: Failure | undefined
  try {
    writer.sweep(moment)
    mustSweep = writer.isBehind
  } catch (error) {
    // reported to callers of `trim`; otherwise the next append or sweep tries again
    failure = failureOf(error)
    mustSweep = false
  }
  if (mustSweep) return
  reply(trims.splice(0).map((ticket) => (failure ? { ticket, failure } : { ticket })))
}

function reply(replies: readonly Reply[]): void {
  if (replies.length > 0) port.postMessage(replies)
}
