// npm run deploy-run -- [--clients 5000] [--over 20000] [--seed 1]: what a deploy and a crash cost, at full size.
import { join } from "node:path"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { parseArgs } from "node:util"
import { runDeploy } from "./run.ts"

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "5000" },
    over: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
  },
})
const folder = mkdtempSync(join(tmpdir(), "onward-deploy-"))
const [clients, over, seed] = [values.clients, values.over, values.seed].map(Number) as [number, number, number]
let isGood = true

function judge(what: string, isMet: boolean): void {
  console.log(`  ${isMet ? "✔" : "✖"} ${what}`)
  isGood &&= isMet
}

for (const [signal, isFresh] of [
  ["SIGTERM", false],
  ["SIGKILL", false],
  ["SIGKILL", true],
] as const) {
  const file = join(folder, `${signal}-${isFresh}.db`)
  const result = await runDeploy(signal, { clients, over, seed, file }, isFresh)
  const { left, back, perSecond, reads, published, wrong } = result
  console.log(`${signal}, ${clients} streams, seed ${seed}${isFresh ? ", another process started only then" : ""}`)
  console.log(
    `  left after ${left.toFixed(0)} ms, all back after ${back.toFixed(0)} ms, each second: ${perSecond.join(" ")}`,
  )
  for (const line of wrong.slice(0, 10)) console.log(`  ${line}`)
  judge(`nothing lost, nothing doubled, of ${published} messages on each topic`, wrong.length === 0)
  judge(`the log was read ${reads} times by the process they came to`, reads <= clients / 10)
  if (signal === "SIGKILL") judge("all back within 10 s", back <= 10_000)
  else {
    judge(`it left within its ${over} ms and one second`, left <= over + 1_000)
    const peak = Math.max(...perSecond) / (clients / perSecond.length)
    judge(`the fullest second had ${peak.toFixed(2)} times the mean`, peak <= 1.3)
  }
}
rmSync(folder, { recursive: true })
process.exitCode = isGood ? 0 : 1
