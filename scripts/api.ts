// npm run api: writes packages/onward/api, the signatures of all exports of the library, so that each change of them is visible in a commit. API
// Extractor does the same, but contains an older TypeScript.
import { resolve } from "node:path"
import { committedReports, reportsOf, writeReports } from "./api/report.ts"
import { forgottenBy } from "./api/surface.ts"

const folder = resolve("packages/onward")
const before = committedReports(folder)
const changed = [...reportsOf(folder)].filter(([file, text]) => before.get(file) !== text).map(([file]) => file)
writeReports(folder)
console.log(changed.length === 0 ? "Nothing changed." : `Changed: ${changed.join(", ")}`)
const forgotten = forgottenBy(folder)
for (const { type, file, usedBy } of forgotten)
  console.log(`${type} (${file}) is not exported, but is used by ${usedBy.join(", ")}. Export it.`)
process.exitCode = forgotten.length > 0 ? 1 : 0
