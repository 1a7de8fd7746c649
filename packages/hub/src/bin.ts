#!/usr/bin/env node
import { OnwardError } from "onward"
import { checkAuth } from "./auth/index.ts"
import { readCommandLine, type Configured } from "./command-line.ts"
import { isClosedPipe, type Runnable } from "./commands/index.ts"
import { loadConfig, showConfig, type Flags } from "./config/index.ts"
import { readCertificate } from "./http-server.ts"
import { runToken } from "./token/index.ts"
import { version } from "./version.ts"
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
  const command = readCommandLine(process.argv.slice(2), process.env)
  if (command.name === "help") process.stdout.write(command.text)
  else if (command.name === "version") console.log(version())
  else if (command.name === "client") await runClient(command)
  else if (command.name === "token create" || command.name === "token check") await runToken(command, process.env)
  else if (command.name === "backup" || command.name === "restore") await runBackup(command.name, command)
  else await run(command.name, command.flags)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  for (const line of error.message.split("\n")) console.error(`onward: ${line}`)
  process.exitCode = 2
}

async function runClient(runnable: Runnable): Promise<void> {
  // standard error is for people, and its end changes nothing
  process.stderr.on("error", () => {})
  try {
    process.exitCode = await runnable.run(process)
  } catch (error) {
    if (!isClosedPipe(error)) throw error
  }
  // everything is written before standard input, which may still be open, is given up
  process.stdout.write("", () => process.exit())
}

async function run(name: Configured, flags: Flags): Promise<void> {
  const loaded = await loadConfig(flags, process.env, { isTerminal: process.stdout.isTTY })
  if (name === "config") return void process.stdout.write(showConfig(loaded))
  if (name === "health") {
    const { checkHealth } = await import("./check-health.ts")
    const isWell = await checkHealth(loaded.config)
    console.log(isWell ? "The hub answers." : "The hub does not answer.")
    process.exitCode = isWell ? 0 : 1
    return
  }
  if (name === "check") {
    checkAuth(loaded.config.auth)
    if (loaded.config.tls) readCertificate(loaded.config.tls)
    if (loaded.ignored.length > 0) console.error(`onward: There is no setting for ${loaded.ignored.join(", ")}.`)
    const from = loaded.file === undefined ? "no configuration file is there" : `${loaded.file} was read`
    return console.log(`The configuration is valid: ${from}, and ${loaded.origins.size} settings are set.`)
  }
  // not before it is told: Node 22 and 24 warn as soon as they load SQLite
  const { serve } = await import("./serve.ts")
  await serve(flags, loaded)
}

async function runBackup(
  name: "backup" | "restore",
  { file, flags }: { readonly file: string; readonly flags: Flags },
): Promise<void> {
  const { config } = await loadConfig(flags, process.env)
  const { backup, restore } = await import("./backup.ts")
  try {
    if (name === "backup") return console.log(`Backed up to ${backup(config, file).join(", ")}.`)
    const { restored, replaced } = restore(config, file)
    console.log(`Restored ${restored.join(", ")} in a new epoch.`)
    if (replaced.length > 0) console.log(`The files that were there are now ${replaced.join(", ")}.`)
  } catch (error) {
    if (!(error instanceof OnwardError)) throw error
    console.error(`onward: ${error.message} (${error.code})`)
    process.exitCode = 1
  }
}
