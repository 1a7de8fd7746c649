// node scripts/run.mjs [--with=chromium …] <script> [arguments…]
//
// Installs what is missing, then runs a script of this repository, unbuilt, on the pinned Node. Every npm script uses it,
// because a shell that resolved `node` before the installation would use the machine's Node. The npm scripts use `exec`,
// because npm sends signals to its shell, which would end without forwarding them.
import { spawn } from "node:child_process"
import { delimiter } from "node:path"
import { binaries, ensure, pinnedNode, root } from "./ensure.mjs"

const args = process.argv.slice(2)
const needs = ["packages"]
while (args[0]?.startsWith("--with=")) needs.push(args.shift().slice("--with=".length))

if (!ensure(needs)) process.exit(1)

const child = spawn(pinnedNode, ["--conditions=onward-source", ...args], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ""}` },
})

// In a terminal, Ctrl-C reaches the child directly, and npm sends it to this process too: forwarding it would repeat it.
process.on("SIGINT", () => {
  if (!process.stdin.isTTY) child.kill("SIGINT")
})
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))

child.on("error", (error) => {
  console.error(`The pinned Node could not be started (${error.message}). Run npm ci.`)
  process.exit(1)
})
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
})
