// npm run build: builds what is published, into each package's dist.
import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { postgresSchema } from "../packages/onward/src/log/postgres/schema.ts"
import { execute } from "./command.ts"

/** In this order, because the hub is compiled against the built library, as for users. */
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
// for users that create the tables with a migration
mkdirSync("packages/onward/sql", { recursive: true })
writeFileSync("packages/onward/sql/postgres.sql", postgresSchema())
// the documentation that the demo page links to
cpSync("docs", "packages/hub/dist/documentation/docs", { recursive: true })
copyFileSync("README.md", "packages/hub/dist/documentation/README.md")
