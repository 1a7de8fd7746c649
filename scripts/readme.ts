// node scripts/readme.ts: copies the examples into the pages that show them. With --check, it fails if they differ, and writes nothing.
import { readFileSync, writeFileSync } from "node:fs"

for (const name of ["README.md", "docs/adapters.md", "docs/frameworks-client.md", "docs/resume-and-stop.md"]) {
  const document = new URL(`../${name}`, import.meta.url)
  const before = readFileSync(document, "utf8")
  const after = before.replaceAll(/(<!-- (examples\/[\w./-]+) -->\n```\w+\n)[\s\S]*?```/g, (_, start, file) => {
    return `${start}${readFileSync(new URL(`../${file}`, import.meta.url), "utf8")}\`\`\``
  })
  if (process.argv.includes("--check")) {
    if (before !== after) throw new Error(`${name} differs from examples/. Run node scripts/readme.ts.`)
  } else writeFileSync(document, after)
}
