import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, statSync, globSync } from "node:fs"
import { dirname, join } from "node:path"
import { test } from "node:test"
import { anchorOf } from "../../../../scripts/docs/anchor.ts"
import { OnwardError, type OnwardErrorCode } from "../../src/errors.ts"
import { packageRoot, repositoryRoot } from "./imports.ts"

const read = (path: string): string => readFileSync(join(repositoryRoot, path), "utf8")

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Those of the library's own are in entries.test.ts: it has none. */
const MANIFESTS = [
  "package.json",
  "packages/hub/package.json",
  "examples/package.json",
  "bench/package.json",
  "site/package.json",
]

const LOCK_FILES = ["package-lock.json", "site/package-lock.json"]

/** What belongs to the repository, whether it is committed yet or not. */
function repositoryFiles(): string[] {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repositoryRoot,
    encoding: "utf8",
  })
  return list.split("\0").filter((file) => file !== "" && existsSync(join(repositoryRoot, file)) && !isFolder(file))
}

const isFolder = (file: string): boolean => statSync(join(repositoryRoot, file)).isDirectory()

/** Places `pattern` is found, as `file:line`. */
function find(pattern: RegExp, files: readonly string[]): string[] {
  return files.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
  )
}

test("docs/errors.md has a heading for each error code, and no other", () => {
  const source = readFileSync(join(packageRoot, "src/errors.ts"), "utf8")
  const union = /export type OnwardErrorCode =([^\n]*(?:\n\s+\|[^\n]*)*)/.exec(source)?.[1] ?? ""
  const codes = [...union.matchAll(/"(\w+)"/g)].map((match) => match[1])
  const headings = [...read("docs/errors.md").matchAll(/^## `(\w+)`$/gm)].map((match) => match[1])
  assert.ok(codes.length > 0)
  assert.deepEqual(headings, codes, "the same codes in the same order")
})

test("docs/errors.md gives the HTTP statuses that adapters answer with", () => {
  for (const [, code = "", status] of read("docs/errors.md").matchAll(/^## `(\w+)`\n\nHTTP status: (\d+)/gm)) {
    assert.equal(Number(status), new OnwardError(code as OnwardErrorCode, "").status, code)
  }
})

test("docs/errors.md marks the retryable codes, and no other", () => {
  for (const [, code = "", text] of read("docs/errors.md").matchAll(/^## `(\w+)`\n([^#]*)/gm)) {
    const isMarked = text?.includes("*try again later*")
    assert.equal(isMarked, new OnwardError(code as OnwardErrorCode, "").retryable, code)
  }
})

test("docs/dependencies.md names each development dependency, and no other", () => {
  const used = MANIFESTS.flatMap((path) => {
    const { dependencies, devDependencies } = JSON.parse(read(path)) as Record<string, Record<string, string>>
    return Object.keys({ ...dependencies, ...devDependencies })
  })
  const wanted = new Set(used.filter((name) => name !== "onward"))
  const cells = [...read("docs/dependencies.md").matchAll(/^\| (`[^|]+)\|/gm)].map(([, cell = ""]) => cell)
  const named = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name))
  assert.deepEqual(new Set(named), wanted)
})

test("every dependency is pinned to one version", () => {
  const loose = find(/^\s*"[@\w/-]+": "[\^~*]/, MANIFESTS)
  assert.deepEqual(loose, [])
})

test("the lockfile names the native parts of every platform, which npm ci needs", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as { packages: Record<string, Locked> }
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages),
    ),
  )
  assert.deepEqual(missing, [], "npm run lock adds them")
})

test("no file contains a path of the machine on which it was written", () => {
  const machinePath = /(?<![\w.~)\]}/-])\/(?:work|root|home)(?=\/\w|[\s"'`]|$)/
  assert.deepEqual(find(machinePath, repositoryFiles()), [])
})

test("no file names a package registry, and the lock files no download address", () => {
  assert.deepEqual(find(/\bregistry\.(?:npmjs|yarnpkg|npmmirror)\b|\/\/[\w.-]*registry[\w-]*\./, repositoryFiles()), [])
  assert.deepEqual(find(/"resolved": "https?:/, LOCK_FILES), [])
})

test("no file has the marks of a merge conflict", () => {
  assert.deepEqual(find(/^(?:<{7}|>{7}) /, repositoryFiles()), [])
})

test("every link between the documents has a target", () => {
  const documents = repositoryFiles().filter((file) => file.endsWith(".md"))
  const dead = documents.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g)].flatMap(([, link = ""]) =>
      existsSync(join(repositoryRoot, dirname(file), link)) ? [] : [`${file}: ${link}`],
    ),
  )
  assert.deepEqual(dead, [])
})

test("every link to a heading of a document has a target", () => {
  const documents = repositoryFiles().filter((file) => file.endsWith(".md"))
  const anchors = (file: string): string[] =>
    [...read(file).matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1] ?? ""))
  const lost = documents.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!\w+:)([^)#\s]*)#([^)\s]+)\)/g)].flatMap(([, link = "", anchor = ""]) => {
      const target = link === "" ? file : join(dirname(file), link)
      return anchors(target).includes(anchor) ? [] : [`${file}: ${link}#${anchor}`]
    }),
  )
  assert.deepEqual(lost, [])
})

test("README.md leads to every page of the documentation", () => {
  const pages = repositoryFiles().filter((file) => /^docs\/.*\.md$/.test(file))
  const readme = read("README.md")
  const unlinked = pages.filter((page) => !readme.includes(`](${page})`))
  assert.deepEqual(unlinked, [])
})

test("docs/threats.md has each threat, and names existing tests", () => {
  const page = read("docs/threats.md")
  const rows = [...page.matchAll(/^\| (S\d+(?:, S\d+)*) \|/gm)].flatMap(([, ids = ""]) => ids.split(", "))
  assert.deepEqual(
    rows,
    Array.from({ length: Math.max(34, rows.length) }, (_, i) => `S${i + 1}`),
  )
  const named = [...page.matchAll(/\["([^"]+)"\]\(\.\.\/(\S+\.test\.ts)\)/g)]
  assert.ok(named.length > 30)
  const gone = named.filter(([, sentence = "", file = ""]) => !read(file).includes(sentence))
  assert.deepEqual(gone, [])
})

test("docs/threats.md names the attacks of npm run attack, and all of them", () => {
  const folder = join(repositoryRoot, "packages/hub/test/attack/attacks")
  const attacks = globSync("*.ts", { cwd: folder }).map((file) => file.replace(/\.ts$/, ""))
  const page = read("docs/threats.md").replaceAll(/"[^"]*"/g, "")
  const rows = [...page.matchAll(/^\| S.*\|([^|]*)\|$/gm)].map(([, last = ""]) => last)
  const below = page.split("\n").filter((line) => !line.startsWith("|"))
  const named = [...[...rows, ...below].join("\n").matchAll(/`([a-z-]+)`/g)].map(([, name = ""]) => name)
  assert.deepEqual(new Set(named), new Set(attacks.filter((name) => name !== "index")))
})

test("each file and folder that ARCHITECTURE.md names exists", () => {
  const places = ["", "packages/onward", "packages/onward/src", "packages/onward/test"]
  const spans = [...read("ARCHITECTURE.md").matchAll(/`([^`\s]+)`/g)].map(([, span = ""]) => span)
  // a module of the library's users, such as `onward/log`, or of Node's is no file
  const paths = spans.filter((span) => /^(?!onward\/|node:)[\w.-]+(?:\/[\w.*-]*)*(?:\/|\.(?:ts|json|md))$/.test(span))
  assert.ok(paths.length > 30, `only ${paths.length} paths found`)
  const gone = paths.filter((path) => places.every((place) => globSync(join(repositoryRoot, place, path)).length === 0))
  assert.deepEqual(gone, [])
})

test("ARCHITECTURE.md has at most 120 lines", () => {
  const lines = read("ARCHITECTURE.md").trimEnd().split("\n").length
  assert.ok(lines <= 120, `${lines} lines; 120 are enough`)
})

test("a file over 400 lines says at its top why it is one file", () => {
  const code = repositoryFiles().filter((file) => /\.(?:ts|mjs|js|css|html)$/.test(file))
  const silent = code.filter((file) => {
    const lines = read(file).split("\n")
    return lines.length > 401 && !/over 400 lines because/i.test(lines.slice(0, 10).join(" "))
  })
  assert.deepEqual(silent, [], "split it, or begin it with a comment: Over 400 lines because …")
})
