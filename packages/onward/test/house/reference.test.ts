import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { referencePage } from "../../../../scripts/reference/page.ts"
import { repositoryRoot } from "./imports.ts"

test("docs/reference.md has the options that the types have: npm run reference writes it", () => {
  assert.equal(readFileSync(join(repositoryRoot, "docs/reference.md"), "utf8"), referencePage())
})

test("each option in docs/reference.md says what it is for", () => {
  const silent = referencePage()
    .split("\n")
    .filter((line) => /\| *\|$/.test(line))
  assert.deepEqual(silent, [])
})
