// Appends, watches and leaves the log open: none of that may keep the process alive.
import { sqliteLog } from "../../../src/log/sqlite/index.ts"

const log = sqliteLog(process.argv[2] as string, { retention: { age: 60_000 } })
await log.append([{ topic: "a", data: "1" }])
await log.watch(() => {})
await log.append([{ topic: "a", data: "2" }])
