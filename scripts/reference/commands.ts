import { readFileSync } from "node:fs"
import { CLIENT_COMMANDS } from "../../packages/hub/src/commands/index.ts"
import { spell } from "../../packages/hub/src/commands/usage.ts"

export const COMMANDS_PAGE = "docs/command-line.md"

const MARK = /(<!-- flags of (\w+): npm run reference -->)[^]*?(<!-- \/flags -->)/g

/** docs/command-line.md with a table of the flags of each command as they are. Throws for a command without one. */
export function commandsPage(): string {
  const shown = new Set<string>()
  const page = readFileSync(COMMANDS_PAGE, "utf8").replace(MARK, (_, begin: string, name: string, end: string) => {
    shown.add(name)
    return `${begin}\n\n${tableOf(name)}\n${end}`
  })
  const missing = CLIENT_COMMANDS.map(({ table }) => table.name).filter((name) => !shown.has(name))
  if (missing.length > 0) throw new Error(`${COMMANDS_PAGE} has no flags of ${missing.join(", ")}`)
  return page
}

function tableOf(name: string): string {
  const command = CLIENT_COMMANDS.find(({ table }) => table.name === name)
  if (!command) throw new Error(`${COMMANDS_PAGE} has flags of ${name}, which is no command`)
  const rows = Object.entries(command.table.flags).map(([flag, table]) => {
    const { about, default: standard } = table
    return `| \`${spell(flag, table)}\` | ${escape(about)} | ${standard === undefined ? "" : `\`${standard}\``} |\n`
  })
  return `| Flag | What it does | Default |\n|---|---|---|\n${rows.join("")}`
}

/** Format fields and JSON in a text are code. */
const escape = (text: string): string =>
  text
    .replaceAll("|", "\\|")
    .replace(/(?<!`)(%\w\b|%%|\\\w|\\\\|\{"[^ ]+\})/g, "`$1`")
    .replaceAll("<", "&lt;")
