// npm run api: writes packages/onward/api, the signatures of everything that the library exports, so that each change of them shows up
// in a commit. API Extractor does the same with a TypeScript of its own, which is older than ours.
import { resolve } from "node:path"
import { committedReports, reportsOf, writeReports } from "./api/report.ts"
import { forgottenBy } from "./api/surface.ts"

const folder = resolve("packages/onward")
const before = committedReports(folder)
const changed = [...reportsOf(folder)].filter(([file, text]) => before.get(file) !== text).map(([file]) => file)
writeReports(folder)
console.log(changed.length === 0 ? "Nothing changed." : `Changed: ${changed.join(", ")}`)
const forgotten = forgottenBy(folder)
for (const { type, file, usedBy } of forgotten) console.log(`${type} (${file}) is not exported: ${usedBy.join(", ")}`)
process.exitCode = forgotten.length > 0 ? 1 : 0
