import { readdirSync, readFileSync } from "node:fs"
import type { Tab } from "./tab.ts"

interface Process {
  readonly parent: number
  /** Time it has worked so far, in the system's ticks. */
  readonly worked: number
}

/** Every process of this machine, as Linux knows them. */
function processes(): Map<number, Process> {
  const all = new Map<number, Process>()
  for (const pid of readdirSync("/proc")) {
    try {
      const [, parent, ...rest] = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")
      all.set(Number(pid), { parent: Number(parent), worked: Number(rest[9]) })
    } catch {
      // not a process, or gone meanwhile
    }
  }
  return all
}

/** The process below `root` that worked most while `act` went on. */
async function busiest(root: number, act: () => Promise<void>): Promise<number> {
  const before = processes()
  await act()
  const after = processes()
  const isBelow = (pid: number): boolean => {
    const { parent } = after.get(pid) ?? { parent: 0 }
    return parent === root || (parent > 1 && isBelow(parent))
  }
  let found = { pid: 0, work: 0 }
  for (const [pid, { worked }] of after) {
    const work = worked - (before.get(pid)?.worked ?? 0)
    if (work > found.work && isBelow(pid)) found = { pid, work }
  }
  if (found.pid === 0) throw new Error("no process did any work")
  return found.pid
}

/** Kills the process of a tab, which no driver tells: it is the one that works while the tab does. */
export async function killRenderer(browserPid: number, evaluate: Tab["evaluate"]): Promise<void> {
  const work = () =>
    evaluate(() => {
      for (const end = performance.now() + 200; performance.now() < end;);
    })
  process.kill(await busiest(browserPid, work), "SIGKILL")
}
