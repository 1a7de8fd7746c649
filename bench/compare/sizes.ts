import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

/** Bytes, minified and gzipped, that a module adds to an application in browsers. */
export async function sizeOf(source: string): Promise<number> {
  const entry = "\0entry"
  const build = await rolldown({
    input: entry,
    cwd: import.meta.dirname,
    platform: "browser",
    resolve: { conditionNames: ["onward-source", "browser", "import", "default"] },
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === entry ? { id: `${import.meta.dirname}/entry.js`, external: false } : null),
        load: (id) => (id === `${import.meta.dirname}/entry.js` ? source : null),
      },
    ],
  })
  const { output } = await build.generate({ minify: true, comments: false })
  await build.close()
  return output.reduce((sum, part) => sum + (part.type === "chunk" ? gzipSync(part.code, { level: 9 }).length : 0), 0)
}

/** The version of a package that is measured. */
export function versionOf(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version
}
