import { createHub, memoryLog } from "onward"
import { onwardApp } from "./onward-app.ts"
import { serve } from "./serve.ts"

// `onward-log.ts memory <bytes kept>` or `onward-log.ts sqlite <file>`
const [kind, value = ""] = process.argv.slice(2)
const retention = { bytes: kind === "sqlite" ? 2 ** 40 : Number(value) }
const log =
  kind === "sqlite" ? (await import("onward/sqlite")).sqliteLog(value, { retention }) : memoryLog({ retention })

// longer than any run, because the stalled readers are to be woken, not closed
serve(onwardApp(createHub({ log, stallTimeout: 3_600_000 })))
