import { readdirSync, readFileSync } from "node:fs"
import type { Tab } from "./tab.ts"

interface Process {
  readonly parent: number
  /** Time it has worked so far, in the system's ticks. */
  readonly worked: number
  readonly isRenderer: boolean
}

/** What the command line of a process has that runs pages: of Chromium, Firefox and WebKit. */
const RENDERER = /--type=renderer|-isForBrowser|WebKitWebProcess/

/** Every process of this machine, as Linux knows them. */
function processes(): Map<number, Process> {
  const all = new Map<number, Process>()
  for (const pid of readdirSync("/proc")) {
    try {
      const [, parent, ...rest] = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")
      const isRenderer = RENDERER.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"))
      all.set(Number(pid), { parent: Number(parent), worked: Number(rest[9]), isRenderer })
    } catch {
      // not a process, or gone meanwhile
    }
  }
  return all
}

/** Ticks that a process must have worked to be the one, and how many times as long as any other. On a busy machine all of them work little. */
const LEAST = 10
const LEAD = 2

/** The process of pages below `root` that works most while `act` goes on, which is repeated until there is no doubt. */
async function busiest(root: number, act: () => Promise<void>): Promise<number> {
  const before = processes()
  for (let tries = 0; tries < 200; tries++) {
    await act()
    const after = processes()
    const isBelow = (pid: number): boolean => {
      const { parent } = after.get(pid) ?? { parent: 0 }
      return parent === root || (parent > 1 && isBelow(parent))
    }
    const [first, second] = [...after]
      .filter(([pid, { isRenderer }]) => isRenderer && isBelow(pid))
      .map(([pid, { worked }]) => ({ pid, work: worked - (before.get(pid)?.worked ?? 0) }))
      .toSorted((a, b) => b.work - a.work)
    if (first && first.work >= LEAST && first.work >= LEAD * (second?.work ?? 0)) return first.pid
  }
  throw new Error("no process works more than the others")
}

/** Kills the process of a tab, which no driver tells: it is the one that works while the tab does. */
export async function killRenderer(browserPid: number, evaluate: Tab["evaluate"]): Promise<void> {
  const work = () =>
    evaluate(() => {
      for (const end = performance.now() + 200; performance.now() < end;);
    })
  process.kill(await busiest(browserPid, work), "SIGKILL")
}
