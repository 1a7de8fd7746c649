import { readdirSync, readFileSync } from "node:fs"

/**
 * CPU seconds that a process has used, user and system: what /proc/PID/stat counts, but in nanoseconds instead of ticks of 10 ms.
 * The servers under test start no processes of their own. The kernel bills the receiving half of loopback to the sender.
 */
export function cpuSeconds(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[0])
  }
  return nanoseconds / 1e9
}

/** The same for a process and its children, such as PostgreSQL, which has one for each connection. */
export function cpuSecondsOfFamily(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").map(Number)
  return [pid, ...children].reduce((sum, each) => sum + (each > 0 ? cpuSeconds(each) : 0), 0)
}

/** Seconds that a process's main thread was ready to run while its core was busy with something else. */
export function waitingSeconds(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "latin1").split(" ")[1]) / 1e9
}

/** Resident memory of a process in KiB. */
export function residentKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0)
}

/** Looks at a process's memory four times a second; `stop` gives the largest value seen, in KiB. */
export function watchMemory(pid: number): { stop(): number } {
  let peak = residentKiB(pid)
  const look = (): void => void (peak = Math.max(peak, residentKiB(pid)))
  const timer = setInterval(look, 250)
  return {
    stop() {
      clearInterval(timer)
      look()
      return peak
    },
  }
}

/** Seconds of all cores together: what has passed, and what the host gave to others (a virtual machine's "steal"). */
export function machineSeconds(): { total: number; stolen: number } {
  const ticks = (/^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "latin1"))?.[1] ?? "").split(" ").map(Number)
  // user, nice, system, idle, iowait, irq, softirq, steal; guest time is in user already
  return { total: ticks.slice(0, 8).reduce((sum, part) => sum + part, 0) / 100, stolen: (ticks[7] ?? 0) / 100 }
}
