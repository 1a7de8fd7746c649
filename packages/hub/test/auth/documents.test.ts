import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { parse } from "yaml"
import { checkAuth } from "../../src/auth/index.ts"
import { parseConfig } from "../../src/config/index.ts"

test("each configuration in docs/hub-auth.md can be used", () => {
  const page = readFileSync(new URL("../../../../docs/hub-auth.md", import.meta.url), "utf8")
  const blocks = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, yaml = ""]) => yaml)
  assert.ok(blocks.length >= 6)
  for (const yaml of blocks) {
    const tree: unknown = parse(yaml.replaceAll(/\$\{\w+\}/g, "a secret of more than thirty-two bytes"))
    const { auth } = parseConfig(tree)
    assert.ok(auth)
    checkAuth(auth)
  }
})
