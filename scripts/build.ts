// npm run build: what gets published, into each package's dist.
import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { postgresSchema } from "../packages/onward/src/log/postgres/schema.ts"
import { execute } from "./command.ts"

/** In this order, because the hub is compiled against what users get: the built library. */
const PACKAGES = ["onward", "hub"]

for (const name of PACKAGES) {
  const folder = `packages/${name}`
  rmSync(`${folder}/dist`, { recursive: true, force: true })
  const built = await execute({
    name,
    program: "tsc",
    args: ["--project", `${folder}/tsconfig.build.json`],
  })
  process.stdout.write(built.output)
  if (!built.passed) process.exit(1)
  copyFileSync("LICENSE", `${folder}/LICENSE`)
}
copyFileSync("README.md", "packages/onward/README.md")
// for users that create their tables in their own migrations
mkdirSync("packages/onward/sql", { recursive: true })
writeFileSync("packages/onward/sql/postgres.sql", postgresSchema())
// what the demo page links to
cpSync("docs", "packages/hub/dist/documentation/docs", { recursive: true })
copyFileSync("README.md", "packages/hub/dist/documentation/README.md")
