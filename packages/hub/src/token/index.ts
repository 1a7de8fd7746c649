import { text } from "node:stream/consumers"
import { loadConfig } from "../config/index.ts"
import { checkToken } from "./check.ts"
import type { TokenCommand } from "./command-line.ts"
import { createToken } from "./create.ts"

export { readToken, TOKEN_USAGE, type TokenCommand } from "./command-line.ts"

/** `onward token`: rejects with a `UsageError` for what cannot be done. */
export async function runToken(command: TokenCommand, env: NodeJS.ProcessEnv): Promise<void> {
  const isKey = command.name === "token create" && "publishKey" in command
  const flags = { words: [], config: command.config, isHelp: false, isVersion: false, given: [] }
  // a new key needs no configuration, because it is for one
  const auth = isKey ? undefined : (await loadConfig(flags, env)).config.auth
  if (command.name === "token create") {
    const { value, advice } = await createToken(command, auth)
    console.error(advice)
    console.log(value)
    return
  }
  const token = command.token === "-" ? (await text(process.stdin)).trim() : command.token
  const { lines, isGranted } = await checkToken(token, command, auth)
  for (const line of lines) console.log(line)
  if (!isGranted) process.exitCode = 1
}
