import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { setTimeout as wait } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { startCrowd, topics, type Crowd } from "./crowd.ts"

export interface DeployOptions {
  readonly clients: number
  /** Over how long the streams of a process that leaves are closed, in ms. */
  readonly over: number
  readonly seed: number
  /** A path for the log. */
  readonly file: string
}

export interface DeployResult {
  /** From the signal to the end of the process, in ms. */
  readonly left: number
  /** From the signal until all streams stood elsewhere, in ms. */
  readonly back: number
  /** How many came back in each second, from the first to the last. */
  readonly perSecond: readonly number[]
  /** How often the process they went to read the log meanwhile. */
  readonly reads: number
  readonly published: number
  /** What clients got that they should not have, or did not get; empty when all is well. */
  readonly wrong: readonly string[]
}

interface Hub {
  readonly port: number
  readonly child: ChildProcess
}

const program = fileURLToPath(new URL("programs/hub.ts", import.meta.url))

async function startHub(options: DeployOptions): Promise<Hub> {
  const argument = JSON.stringify({ file: options.file, duration: options.over })
  const child = fork(program, [argument], { execArgv: ["--conditions=onward-source"] })
  const [{ port }] = (await once(child, "message")) as [{ port: number }]
  return { port, child }
}

/**
 * All clients are on one of two processes; that one is told to leave (`SIGTERM`) or is killed (`SIGKILL`), while messages
 * are published. `fresh`: the other one is started only then, as in a deploy that replaces a process.
 */
export async function runDeploy(
  signal: "SIGTERM" | "SIGKILL",
  options: DeployOptions,
  isFresh = false,
): Promise<DeployResult> {
  const old = await startHub(options)
  const others = isFresh ? [] : [await startHub(options)]
  let isGone = false
  // a load balancer: it stops sending anybody to a process once that takes nobody any more
  const ports = (): number[] => [...(isGone ? [] : [old.port]), ...others.map(({ port }) => port)]
  const crowd = startCrowd(options.clients, () => ports(), options.seed)
  const publisher = startPublisher(ports)
  await until(() => crowd.open === options.clients && crowd.least >= 2)

  const readsBefore = isFresh ? 0 : await readsOf(others[0])
  const began = performance.now()
  old.child.kill(signal)
  isGone = true
  if (isFresh) others.push(await startHub(options))
  if (old.child.exitCode === null && old.child.signalCode === null) await once(old.child, "exit")
  const left = performance.now() - began
  await until(() => crowd.returns.length >= options.clients && crowd.open === options.clients)
  const reads = (await readsOf(others[0])) - readsBefore
  const published = await publisher.stop()
  await until(() => crowd.least >= published || crowd.wrong.length > 0)
  crowd.leave()
  for (const { child } of others) child.kill("SIGKILL")
  const { returns, wrong } = crowd
  return { left, back: Math.max(...returns) - began, perSecond: perSecond(returns), reads, published, wrong }
}

/** Publishes 1, 2, 3 … on every topic, again and again; what no process took is published again, with the same id. */
function startPublisher(ports: () => readonly number[]) {
  let isOver = false
  const publish = async (topic: string, number: number): Promise<void> => {
    for (let attempt = 0; ; attempt++) {
      const port = ports()[attempt % Math.max(1, ports().length)]
      const body = JSON.stringify({ topic, data: String(number), id: `${topic}-${number}` })
      const answer =
        port && (await fetch(`http://127.0.0.1:${port}/publish`, { method: "POST", body }).catch(() => undefined))
      if (answer && answer.ok) return
      await wait(20)
    }
  }
  const done = (async () => {
    for (let number = 1; ; number++) {
      for (const topic of topics) await publish(topic, number)
      if (isOver) return number
      await wait(300)
    }
  })()
  return {
    stop() {
      isOver = true
      return done
    },
  }
}

async function readsOf(hub: Hub | undefined): Promise<number> {
  return Number(await (await fetch(`http://127.0.0.1:${hub?.port}/reads`)).text())
}

function perSecond(times: Crowd["returns"]): number[] {
  const first = Math.min(...times)
  const counts: number[] = []
  for (const time of times) {
    const second = Math.floor((time - first) / 1_000)
    counts[second] = (counts[second] ?? 0) + 1
  }
  return Array.from(counts, (count) => count ?? 0)
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await wait(20)
}
