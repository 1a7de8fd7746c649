// `run.ts <client> <task as JSON>`: one client in a process of its own, which reports in lines of JSON.
import { writeSync } from "node:fs"
import { starts, Thrown } from "./starts.ts"
import type { Report, Running, Start, Task, Told } from "./task.ts"

const [name = "", json = ""] = process.argv.slice(2)
const start: Start = starts[name as keyof typeof starts]
const task = JSON.parse(json) as Task
const tell = (report: Report): void => void writeSync(1, `${JSON.stringify(report)}\n`)

let isThrown = false
let taken = 0
const told = (): Told => ({
  opened: () => tell({ opened: true }),
  event(event) {
    if (task.onEvent !== "hold") tell({ event })
    if (task.onEvent === "throw" && !isThrown) {
      isThrown = true
      throw new Thrown("thrown by the program")
    }
    if (task.onEvent === "hold" && ++taken >= 10) return new Promise(() => {})
  },
  failed: (failed) => tell({ failed }),
  caught: () => tell({ caught: true }),
})

if (!task.isAlone) setInterval(() => {}, 1_000_000)
const running: Running[] = []
for (let i = 0; i < (task.consumers ?? 1); i++) running.push(await start(task, told()))
let state: string | undefined
setInterval(() => {
  const now = running[0]?.state()
  if (now !== state && now !== undefined) tell({ state: (state = now) && now })
}, 10).unref()
