// Puts the examples into README.md: `node scripts/readme.ts` writes, `--check` only says whether they are the same.
import { readFileSync, writeFileSync } from "node:fs"

const readme = new URL("../README.md", import.meta.url)
const before = readFileSync(readme, "utf8")
const after = before.replaceAll(/(<!-- (examples\/[\w-]+\.ts) -->\n```ts\n)[\s\S]*?```/g, (_, start, file) => {
  return `${start}${readFileSync(new URL(`../${file}`, import.meta.url), "utf8")}\`\`\``
})
if (process.argv.includes("--check")) {
  if (before !== after) throw new Error("README.md differs from examples/: run node scripts/readme.ts")
} else writeFileSync(readme, after)
