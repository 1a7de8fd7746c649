import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What a reader's program has of its own. */
const PROGRAM = `
declare function token(): Promise<string>
declare function render(what: unknown): void
declare function reload(reason: string): void
declare function show(state: string): void
declare const user: string, url: string, authorization: string, prompt: string
declare const events: ReturnType<typeof import("onward").defineEvents<{
  price: import("onward").Schema<{ symbol: string; price: number }>
}>>
`

test("what docs/client.md shows compiles", async () => {
  const document = await readFile(join(root, "docs/client.md"), "utf8")
  const snippets = [...document.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code as string)
  assert.ok(snippets.length > 5)
  const folder = await mkdtemp(join(tmpdir(), "onward-snippets-"))
  try {
    await symlink(join(root, "node_modules"), join(folder, "node_modules"))
    await writeFile(join(folder, "program.d.ts"), PROGRAM)
    await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    for (const [i, snippet] of snippets.entries())
      await writeFile(join(folder, `snippet-${i}.ts`), `${snippet}export {}\n`)
    const config = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: { noUnusedLocals: false, rootDir: "/" },
      include: ["*.ts"],
    }
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config))
    const { stdout } = await promisify(execFile)(join(root, "node_modules/.bin/tsc"), ["--project", folder]).catch(
      (error: unknown) => error as { stdout: string },
    )
    assert.equal(stdout, "")
  } finally {
    await rm(folder, { recursive: true })
  }
})
