import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { Pool } from "pg"
import { postgresLog, postgresSchema } from "../../src/log/postgres/index.ts"
import { onPath } from "../on-path.ts"
import { postgresMissing, startPostgres, type PostgresServer } from "../stores/postgres.ts"
import { fill, runAsRoot, smallDisk } from "./small-disk.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const skip = postgresMissing ?? false
let server: PostgresServer
let pool: Pool

before(async () => {
  if (skip) return
  server = await startPostgres()
  pool = new Pool({ connectionString: server.url })
})

after(async () => {
  await pool?.end()
  await server?.close()
})

const text = (bytes: number): string => randomBytes(bytes / 2).toString("hex")

test("on a full disk nothing is acknowledged, and with free space the log continues", { skip }, async (t) => {
  const disk = smallDisk(t)
  if (!disk) return
  const log = postgresLog(pool, { schema: "filled" })
  const { positions } = await log.append([{ topic: "a", data: "before" }])
  // the entries alone: a server whose journal has no room ends itself
  runAsRoot("chown", "postgres:", disk)
  await server.command(`CREATE TABLESPACE small LOCATION '${disk}'`)
  await server.command("ALTER TABLE filled.entries SET TABLESPACE small")
  fill(join(disk, "ballast"))
  const calls = Array.from({ length: 3 }, () => log.append([{ topic: "a", data: text(100_000) }]))
  for (const call of calls) {
    await assert.rejects(call, {
      code: "log_full",
      retryable: true,
      message: /^log filled: the disk of the server is full\. Make room/,
    })
  }
  const read = async (): Promise<string[]> => {
    const { entries } = await log.read({ after: (await log.bounds()).first, limit: 10 })
    return entries.map(({ data }) => data)
  }
  assert.deepEqual(await read(), ["before"])
  rmSync(join(disk, "ballast"))
  const { previous } = await log.append([{ topic: "a", data: "after" }])
  assert.equal(previous, positions[0])
  assert.deepEqual(await read(), ["before", "after"])
  await log.close()
  await server.command("DROP SCHEMA filled CASCADE")
  await server.command("DROP TABLESPACE small")
})

test("PostgreSQL 12 is refused as too old, and nothing is created in it", { skip }, async () => {
  // there is none here, so this one is made to say so
  await server.command(`
    CREATE SCHEMA old;
    CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql AS
      $$ SELECT CASE name WHEN 'server_version_num' THEN '120022' ELSE pg_catalog.current_setting(name) END $$`)
  const url = new URL(server.url)
  url.searchParams.set("options", "-c search_path=old,pg_catalog")
  const client = new Pool({ connectionString: url.href })
  const log = postgresLog(client, { schema: "made" })
  const refusal = { code: "log_unsupported", retryable: false, message: /PostgreSQL 13 or later/ }
  await assert.rejects(log.append([{ topic: "a", data: "" }]), refusal)
  await assert.rejects(log.bounds(), refusal)
  assert.equal(await server.command("SELECT count(*) FROM pg_namespace WHERE nspname = 'made'"), "0")
  await log.close()
  await client.end()
})

test("the SQL, run twice by psql, creates a log", { skip }, async (t) => {
  const file = join(temporaryFolder(t), "onward.sql")
  writeFileSync(file, postgresSchema())
  const log = postgresLog(pool, { migrate: false })
  for (const data of ["1", "2"]) {
    const psql = onPath("psql") ?? assert.fail()
    execFileSync(psql, ["-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "--file", file, server.url], {
      env: { ...process.env, PGOPTIONS: "-c client_min_messages=warning" },
      stdio: ["ignore", "pipe", "inherit"],
    })
    await log.append([{ topic: "a", data }])
  }
  const { entries } = await log.read({ after: (await log.bounds()).first, limit: 10 })
  assert.deepEqual(
    entries.map(({ data }) => data),
    ["1", "2"],
  )
  await log.close()
})
