// npm run proxies: puts every proxy through every check, and writes what came of it into docs/production.md.
// npm run proxies -- nginx Squid: only these, and only prints.
import { oneByOne } from "./checks.ts"
import { quiet } from "./checks/measured.ts"
import { examine } from "./examine.ts"
import { setups } from "./setups.ts"
import { missing, versionOf } from "./start.ts"
import { render, writeSection, type Column } from "./table.ts"

const asked = process.argv.slice(2)
const chosen = setups.filter(({ name }) => asked.length === 0 || asked.some((word) => name.startsWith(word)))
const absent = chosen.map(missing).filter((reason) => reason !== false)
if (absent.length > 0) throw new Error(absent.join("\n"))

// quiet streams are waited for side by side; all else one proxy after the other, so that none is measured against the rest
const waits = chosen.map((setup) => examine(setup, (check) => check === oneByOne || check === quiet))
const columns: Column[] = []
for (const setup of chosen) {
  const findings = new Map(await examine(setup, (check) => check !== quiet))
  columns.push({ setup, version: versionOf(setup), findings })
  console.log(`\n${setup.name}`)
  for (const [title, found] of findings) console.log(`  ${title}: ${found}`)
}
const complete: Column[] = []
for (const [i, column] of columns.entries()) {
  const waited = (await waits[i])?.get(quiet.title) ?? ""
  console.log(`\n${column.setup.name}\n  ${quiet.title}: ${waited}`)
  complete.push({ ...column, findings: new Map([...column.findings, [quiet.title, waited]]) })
}
const failures = complete
  .flatMap(({ findings }) => [...findings.values()])
  .filter((found) => found.startsWith("FAILED"))
process.exitCode = failures.length > 0 ? 1 : 0
if (asked.length === 0 && failures.length === 0) writeSection(render(complete))
