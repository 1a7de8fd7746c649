#!/usr/bin/env node
import { readFileSync } from "node:fs"
import { readCommandLine, USAGE, UsageError } from "./command-line.ts"
import { serve } from "./serve.ts"

try {
  const command = readCommandLine(process.argv.slice(2), process.env)
  if (command.name === "help") process.stdout.write(USAGE)
  else if (command.name === "version") console.log(version())
  else await serve(command)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`onward: ${error.message}`)
  process.exitCode = 2
}

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8")
  return (JSON.parse(manifest) as { readonly version: string }).version
}
