// npm run reference: writes docs/reference.md from the interfaces in the source and their doc comments, and the table of docs/hub-config.md
// and the JSON Schema from the schema of the hub's configuration.
import { writeFileSync } from "node:fs"
import { CONFIG_PAGE, configPage, CONFIG_SCHEMA, configSchema } from "./reference/config.ts"
import { referencePage } from "./reference/page.ts"

writeFileSync("docs/reference.md", referencePage())
writeFileSync(CONFIG_PAGE, configPage())
writeFileSync(CONFIG_SCHEMA, configSchema())
