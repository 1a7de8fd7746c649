// npm run mutate -- --area hub --count 40 --seed 7 --seconds 60: measures which mistakes in the code the tests notice.
//
// In a copy of the checkout, it makes one small mistake at a time in an area's code, and runs the area's tests that run the changed place, near and
// fast ones first, for at most --seconds. It prints the changes that no test noticed, and the share of noticed ones. --file limits the changes to
// files whose paths end with its value.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Chance } from "../packages/onward/test/hub/simulation/chance.ts"
import { AREAS, filesOf } from "./mutation/areas.ts"
import { createBench } from "./mutation/bench.ts"
import { mutantsOf } from "./mutation/mutants.ts"
import { excuses, survivorOf, type Survivor } from "./mutation/survivor.ts"
import { copyTree } from "./mutation/tree.ts"

const { values } = parseArgs({
  options: {
    area: { type: "string", multiple: true, default: Object.keys(AREAS) },
    count: { type: "string", default: "40" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    seconds: { type: "string", default: "60" },
    file: { type: "string" },
  },
})
const [count, seed, seconds] = [values.count, values.seed, values.seconds].map(Number) as [number, number, number]
const results = ".cache/mutation"
mkdirSync(results, { recursive: true })

for (const name of values.area) {
  const area = AREAS[name]
  if (!area) throw new TypeError(`There is no area "${name}". Use one of ${Object.keys(AREAS).join(", ")}.`)
  await run(name, filesOf(area.source), filesOf(area.tests))
}

async function run(name: string, source: readonly string[], tests: readonly string[]): Promise<void> {
  console.log(`\n${name}: ${count} changes, seed ${seed}`)
  const tree = copyTree(`.cache/mutation/${name}`)
  const bench = createBench(tree.folder, tests, seconds)
  const chance = new Chance(seed)
  // of the copy, because the checkout may change meanwhile
  const codeOf = (file: string): string => readFileSync(join(tree.folder, file), "utf8")
  const all = source
    .filter((file) => values.file === undefined || file.endsWith(values.file))
    .flatMap((file) => mutantsOf(codeOf(file)).map((mutant) => ({ file, mutant })))
  const excuseFor = excuses()
  const survivors: Survivor[] = []
  let [noticed, excused] = [0, 0]
  for (let tried = 0; tried < count && all.length > 0; tried++) {
    const [{ file, mutant }] = all.splice(chance.below(all.length), 1) as [(typeof all)[number]]
    const code = codeOf(file)
    const survivor = survivorOf(file, code, mutant)
    const changed = code.slice(0, mutant.start) + mutant.text + code.slice(mutant.end)
    const noticedBy = await bench.judge(file, mutant.start, () => tree.change(file, changed))
    const excuse = noticedBy === undefined ? excuseFor(survivor) : undefined
    if (noticedBy !== undefined) noticed++
    else if (excuse !== undefined) excused++
    else survivors.push(survivor)
    const outcome = noticedBy !== undefined ? `noticed by "${noticedBy}"` : (excuse ?? "NOT NOTICED")
    console.log(
      `  ${tried + 1}. ${file}: \`${survivor.line}\`\n    ${shown(survivor.from)} → ${shown(survivor.to)}: ${outcome}`,
    )
  }
  writeFileSync(`${results}/${name}-${seed}.json`, JSON.stringify(survivors, undefined, 2))
  const counted = noticed + survivors.length
  const share = counted === 0 ? "–" : `${Math.round((100 * noticed) / counted)} %`
  console.log(`${name}: ${noticed} of ${counted} noticed (${share}), ${excused} excused, seed ${seed}`)
}

function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, " ")
  return line.length > 60 ? `${line.slice(0, 57)}...` : line
}
