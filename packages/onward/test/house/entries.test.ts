import assert from "node:assert/strict"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { packageRoot, repositoryRoot } from "./imports.ts"

const manifest = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>
}

/** Every entry that is code: its name as users import it, and its conditions. */
const entries = Object.entries(manifest.exports).flatMap(([path, conditions]) =>
  typeof conditions === "string" ? [] : [{ name: join("onward", path), conditions }],
)

test("onward has no dependencies, and peers only for those who have them anyway", () => {
  const kinds = Object.keys(manifest).filter((field) => /dependencies$/i.test(field))
  assert.deepEqual(kinds, ["peerDependencies"])
  const optional = Object.entries(manifest.peerDependenciesMeta).filter(([, { optional }]) => optional)
  assert.deepEqual(
    optional.map(([name]) => name),
    Object.keys(manifest.peerDependencies),
  )
})

test("installing onward runs nothing", () => {
  const run = Object.keys(manifest.scripts ?? {}).filter((script) => /^(?:pre|post)?(?:install|prepare)$/.test(script))
  assert.deepEqual(run, [])
})

for (const { name, conditions } of entries) {
  test(`${name} has a source file, and its build lies where the source says`, () => {
    const source = conditions["onward-source"] ?? ""
    assert.ok(existsSync(join(packageRoot, source)), `${source} does not exist`)
    const built = source.replace("./src/", "./dist/").replace(/\.ts$/, "")
    assert.deepEqual(conditions, { "onward-source": source, types: `${built}.d.ts`, default: `${built}.js` })
  })
}

test("the README's table names every entry, and no other", () => {
  const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8")
  const named = readme.matchAll(/^\|[^|]*?`(onward(?:\/[\w/-]+)?)`/gm)
  assert.deepEqual(new Set([...named].map((match) => match[1])), new Set(entries.map((entry) => entry.name)))
})
