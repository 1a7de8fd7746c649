import assert from "node:assert/strict"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { parse } from "yaml"
import { releaseComplaints, type Manifest } from "../../../../scripts/release/complaints.ts"
import { imports, repositoryRoot } from "./imports.ts"

const read = (path: string): string => readFileSync(join(repositoryRoot, path), "utf8")
const json = (path: string): unknown => JSON.parse(read(path))
const { scripts } = json("package.json") as { readonly scripts: Readonly<Record<string, string>> }

interface Job {
  readonly permissions?: Readonly<Record<string, string>>
  readonly needs?: string
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly (string | number)[]>> }
  readonly steps: readonly { readonly run?: string; readonly uses?: string }[]
}
interface Workflow {
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

const yamlFiles = globSync(".github/**/*.yml", { cwd: repositoryRoot })
const workflow = (name: string): Workflow => parse(read(`.github/workflows/${name}.yml`)) as Workflow
const workflows = globSync("*.yml", { cwd: join(repositoryRoot, ".github/workflows") }).map((file) => file.slice(0, -4))
const commandsOf = ({ steps }: Job): string[] => steps.flatMap(({ run }) => run?.split("\n") ?? [])

test("each YAML file of .github is valid, without a warning", () => {
  assert.ok(yamlFiles.length >= 5)
  for (const file of yamlFiles) assert.ok(parse(read(file), { logLevel: "error", strict: true }) !== null, file)
})

test("each npm script that a workflow runs exists", () => {
  const lines = workflows.flatMap((name) => Object.values(workflow(name).jobs).flatMap(commandsOf))
  const named = lines.flatMap((line) =>
    [...line.matchAll(/\bnpm (?:run )?([\w:-]+)/g)].map(([, script = ""]) => script),
  )
  const missing = named.filter((script) => script !== "publish" && !(script in scripts))
  assert.ok(named.length > 5)
  assert.deepEqual(missing, [])
})

test("each workflow can only read the repository, and pins the version of each action", () => {
  for (const name of workflows) {
    assert.deepEqual(workflow(name).permissions, { contents: "read" }, name)
    const actions = Object.values(workflow(name).jobs).flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []))
    assert.deepEqual(
      actions.filter((action) => !/@v\d+$/.test(action)),
      [],
    )
  }
})

test("CI runs the two commands on Node 22, 24 and 26", () => {
  const { commands } = workflow("ci").jobs
  assert.deepEqual(commands?.strategy?.matrix["node"], [22, 24, 26])
  const text = commandsOf(commands).join("\n")
  assert.match(text, /^npm start/m)
  assert.match(text, /^npm test$/m)
})

test("the release workflow publishes both packages with provenance, after its checks and the tests", () => {
  const { publish, test } = workflow("release").jobs
  assert.ok(publish && test)
  assert.equal(publish.needs, "test")
  assert.equal(publish.permissions?.["id-token"], "write")
  assert.ok(commandsOf(test).includes("npm test"))
  const lines = commandsOf(publish)
  const published = lines.filter((line) => line.startsWith("npm publish"))
  assert.deepEqual(
    published.map((line) => /--provenance .*--workspace=(\S+)$/.exec(line)?.[1]),
    ["onward", "onward-hub"],
  )
  for (const commands of [commandsOf(test), lines]) {
    const checked = commands.findIndex((line) => line.startsWith("npm run release-check"))
    assert.ok(checked >= 0 && commands.slice(0, checked).every((line) => !/npm (?:test|publish)/.test(line)))
  }
})

const release = {
  tag: "v0.1.0",
  changelog: "# Changelog\n\n## [0.1.0] - 2026-12-01\n",
  slug: "owner/onward",
  manifests: [
    { name: "onward", version: "0.1.0", repository: { url: "git+https://example.org/owner/onward.git" } },
    {
      name: "onward-hub",
      version: "0.1.0",
      repository: { url: "git+https://example.org/owner/onward.git" },
      dependencies: { onward: "0.1.0", marked: "18.2.1" },
    },
  ],
} satisfies Parameters<typeof releaseComplaints>[0]

test("a release is accepted if its packages agree with the tag, the changelog and the repository", () => {
  assert.deepEqual(releaseComplaints(release), [])
})

const changed = (change: Partial<Manifest>): Manifest[] =>
  release.manifests.map((each) => (each.name === "onward-hub" ? { ...each, ...change } : each))

for (const [name, wrong, pattern] of [
  ["without a repository address", { manifests: changed({ repository: {} }) }, /^onward-hub has no "repository"/],
  ["from another repository", { slug: "fork/onward" }, /but fork\/onward releases it/],
  ["under a tag of another version", { tag: "v0.2.0" }, /version 0\.1\.0, but the tag is v0\.2\.0/],
  [
    "of a hub on another library",
    { manifests: changed({ dependencies: { onward: "0.0.9" } }) },
    /depends on onward 0\.0\.9/,
  ],
  ["without its part of the changelog", { changelog: "## [Unreleased]" }, /no heading ## \[0\.1\.0\]/],
] as const) {
  test(`a release ${name} is refused`, () => {
    const complaints = releaseComplaints({ ...release, ...wrong })
    assert.ok(complaints.length > 0)
    assert.match(complaints.join("\n"), pattern)
  })
}

interface JsrManifest {
  readonly version: string
  readonly exports: Readonly<Record<string, string>>
}

/** The entries whose modules import nothing but each other: they run wherever JavaScript does. */
function neutralEntries(): Record<string, string> {
  const all = imports()
  const isNeutral = (file: string, seen = new Set<string>()): boolean => {
    if (seen.has(file)) return true
    seen.add(file)
    return all.filter(({ from }) => from === file).every(({ bare, to }) => !bare && isNeutral(to, seen))
  }
  const manifest = json("packages/onward/package.json") as {
    readonly exports: Readonly<Record<string, { readonly "onward-source"?: string | Readonly<Record<string, string>> }>>
  }
  const entries = Object.entries(manifest.exports).flatMap(([path, { "onward-source": source }]) => {
    const file = typeof source === "object" ? source["default"] : source
    return file !== undefined && isNeutral(file.replace("./src/", "")) ? [[path, file] as const] : []
  })
  return Object.fromEntries(entries)
}

test("jsr.json has the entries that need neither Node nor a package, in the version of package.json", () => {
  const jsr = json("packages/onward/jsr.json") as JsrManifest
  assert.equal(jsr.version, (json("packages/onward/package.json") as Manifest).version)
  assert.deepEqual(jsr.exports, neutralEntries())
})

test("both packages declare no side effects, so that bundlers remove unused code", () => {
  for (const name of ["onward", "hub"]) {
    const { sideEffects } = json(join("packages", name, "package.json")) as { readonly sideEffects?: unknown }
    assert.notEqual(sideEffects, undefined, name)
  }
})
