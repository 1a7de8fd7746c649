import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { env } from "../client/runtime/project.ts"
import { repositoryRoot } from "../house/imports.ts"

/** A module and all it stands on, as one script for browsers. */
export function bundle(module: URL): string {
  const folder = mkdtempSync(join(tmpdir(), "onward-bundle-"))
  try {
    const file = join(folder, "page.js")
    const config = {
      input: fileURLToPath(module),
      platform: "browser",
      logLevel: "silent",
      output: { file, format: "esm", codeSplitting: false },
      resolve: { conditionNames: ["onward-source", "browser", "import", "default"] },
      transform: { define: { "process.env.NODE_ENV": '"production"' } },
    }
    writeFileSync(join(folder, "rolldown.config.js"), `export default ${JSON.stringify(config)}`)
    const args = ["--config", join(folder, "rolldown.config.js")]
    execFileSync(join(repositoryRoot, "node_modules/.bin/rolldown"), args, { cwd: folder, env, stdio: "ignore" })
    return readFileSync(file, "utf8")
  } finally {
    rmSync(folder, { recursive: true })
  }
}
