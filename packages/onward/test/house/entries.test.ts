import assert from "node:assert/strict"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { packageRoot, repositoryRoot } from "./imports.ts"

/** What is imported under which condition; by platform, where platforms get files of their own. */
type Conditions = Readonly<Record<string, string | Readonly<Record<string, string>>>>

const manifest = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, string | Conditions>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>
}

/** Every entry that is code: its name as users import it, and its conditions. */
const entries = Object.entries(manifest.exports).flatMap(([path, conditions]) =>
  typeof conditions === "string" ? [] : [{ name: join("onward", path), conditions }],
)

test("onward has no dependencies, and only optional peers", () => {
  const kinds = Object.keys(manifest).filter((field) => /dependencies$/i.test(field))
  assert.deepEqual(kinds, ["peerDependencies"])
  const optional = Object.entries(manifest.peerDependenciesMeta).filter(([, { optional }]) => optional)
  assert.deepEqual(
    optional.map(([name]) => name),
    Object.keys(manifest.peerDependencies),
  )
})

test("installing onward runs no script", () => {
  const run = Object.keys(manifest.scripts ?? {}).filter((script) => /^(?:pre|post)?(?:install|prepare)$/.test(script))
  assert.deepEqual(run, [])
})

const one = (target: Conditions[string] | undefined): string | undefined =>
  typeof target === "string" ? target : undefined

/** `conditions` as pairs of a source and what it is built to: one pair, or one for each platform that gets a file of its own. */
function pairsOf(conditions: Conditions): { source: string; types: string | undefined; built: string | undefined }[] {
  const { "onward-source": sources = "", types, ...built } = conditions
  if (typeof sources === "string") return [{ source: sources, types: one(types), built: one(built["default"]) }]
  assert.deepEqual(Object.keys(built), Object.keys(sources), "the same platforms in the same order")
  const typesOf = (platform: string): string | undefined =>
    typeof types === "object" ? (types[platform] ?? types["default"]) : types
  return Object.entries(sources).map(([platform, source]) => ({
    source,
    types: typesOf(platform),
    built: one(built[platform]),
  }))
}

for (const { name, conditions } of entries) {
  test(`${name} has a source file, and its build is at the matching path`, () => {
    for (const { source, types, built } of pairsOf(conditions)) {
      assert.ok(existsSync(join(packageRoot, source)), `${source} does not exist`)
      const path = source.replace("./src/", "./dist/").replace(/\.tsx?$/, "")
      assert.deepEqual({ types, built }, { types: `${path}.d.ts`, built: `${path}.js` })
    }
  })
}

test("the README's table names every entry, and no other", () => {
  const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8")
  const named = readme.matchAll(/^\|[^|]*?`(onward(?:\/[\w/-]+)?)`/gm)
  assert.deepEqual(new Set([...named].map((match) => match[1])), new Set(entries.map((entry) => entry.name)))
})
