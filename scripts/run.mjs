// node scripts/run.mjs [--with=chromium …] <script> [arguments…]
//
// Installs what is missing, then runs a script of this repository, unbuilt, on the pinned Node. Every npm script goes
// through here: a shell that looked `node` up before the installation would stay on the machine's own. They say `exec`,
// because npm signals the shell it started, which would end without passing it on.
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

// At a terminal, Ctrl-C reaches the child by itself, and npm repeats it to us: passing it on would make it two.
process.on("SIGINT", () => {
  if (!process.stdin.isTTY) child.kill("SIGINT")
})
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))

child.on("error", (error) => {
  console.error(`The pinned Node could not be started: ${error.message}`)
  process.exit(1)
})
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
})
