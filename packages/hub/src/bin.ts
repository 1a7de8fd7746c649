#!/usr/bin/env node
import { readFileSync } from "node:fs"
import { checkAuth } from "./auth/index.ts"
import { readCommandLine, usage } from "./command-line.ts"
import { loadConfig, showConfig, type Flags } from "./config/index.ts"
import { doctor } from "./doctor/index.ts"
import { runToken } from "./token/index.ts"
import { UsageError } from "./usage-error.ts"

// operators of a hub need no warnings about experimental features of Node
process.removeAllListeners("warning").on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") console.error(`onward: ${warning.name}: ${warning.message}`)
})

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)

try {
  if (major < 22 || (major === 22 && minor < 13)) {
    throw new UsageError(`Node ${process.versions.node} is too old: install Node 22.13 or later`)
  }
  const command = readCommandLine(process.argv.slice(2))
  if (command.name === "help") process.stdout.write(usage())
  else if (command.name === "version") console.log(version())
  else if (command.name === "doctor") await doctor(command)
  else if (command.name === "token create" || command.name === "token check") await runToken(command, process.env)
  else await run(command.name, command.flags)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  for (const line of error.message.split("\n")) console.error(`onward: ${line}`)
  process.exitCode = 2
}

async function run(name: "serve" | "check" | "config", flags: Flags): Promise<void> {
  const loaded = await loadConfig(flags, process.env, { isTerminal: process.stdout.isTTY })
  if (name === "config") return void process.stdout.write(showConfig(loaded))
  if (name === "check") {
    checkAuth(loaded.config.auth)
    const from = loaded.file === undefined ? "no configuration file is there" : `${loaded.file} was read`
    return console.log(`The configuration is valid: ${from}, and ${loaded.origins.size} settings are set.`)
  }
  // not before it is told: Node 22 and 24 warn as soon as they load SQLite
  const { serve } = await import("./serve.ts")
  await serve(flags, loaded)
}

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8")
  return (JSON.parse(manifest) as { readonly version: string }).version
}
