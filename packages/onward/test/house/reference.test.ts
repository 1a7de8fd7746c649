import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { COMMANDS_PAGE, commandsPage } from "../../../../scripts/reference/commands.ts"
import { CONFIG_PAGE, configPage, CONFIG_SCHEMA, configSchema } from "../../../../scripts/reference/config.ts"
import { referencePage } from "../../../../scripts/reference/page.ts"
import { repositoryRoot } from "./imports.ts"

test("docs/reference.md has the options of the types: npm run reference writes it", () => {
  assert.equal(readFileSync(join(repositoryRoot, "docs/reference.md"), "utf8"), referencePage())
})

test("docs/hub-config.md and the JSON Schema have the settings of the hub: npm run reference writes them", () => {
  assert.equal(readFileSync(join(repositoryRoot, CONFIG_PAGE), "utf8"), configPage())
  assert.equal(readFileSync(join(repositoryRoot, CONFIG_SCHEMA), "utf8"), configSchema())
})

test("docs/command-line.md has the flags that the parser knows: npm run reference writes them", () => {
  assert.equal(readFileSync(join(repositoryRoot, COMMANDS_PAGE), "utf8"), commandsPage())
})

test("each option in docs/reference.md has a description", () => {
  const silent = referencePage()
    .split("\n")
    .filter((line) => /\| *\|$/.test(line))
  assert.deepEqual(silent, [])
})
