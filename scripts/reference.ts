// npm run reference: writes docs/reference.md from the interfaces in the source and their doc comments.
import { writeFileSync } from "node:fs"
import { referencePage } from "./reference/page.ts"

writeFileSync("docs/reference.md", referencePage())
