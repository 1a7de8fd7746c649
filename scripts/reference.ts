// npm run reference: writes docs/reference.md from the interfaces in the source and their doc comments, and the table of docs/hub-config.md
// and the JSON Schema from the schema of the hub's configuration, and the tables of docs/command-line.md from those of the commands.
import { writeFileSync } from "node:fs"
import { COMMANDS_PAGE, commandsPage } from "./reference/commands.ts"
import { CONFIG_PAGE, configPage, CONFIG_SCHEMA, configSchema } from "./reference/config.ts"
import { referencePage } from "./reference/page.ts"

writeFileSync("docs/reference.md", referencePage())
writeFileSync(CONFIG_PAGE, configPage())
writeFileSync(CONFIG_SCHEMA, configSchema())
writeFileSync(COMMANDS_PAGE, commandsPage())
