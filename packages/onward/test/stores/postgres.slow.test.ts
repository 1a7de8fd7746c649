import assert from "node:assert/strict"
import { test } from "node:test"
import { pgbouncerMissing, postgresMissing, startPgBouncer, startPostgres, startStandby } from "./postgres.ts"

const skip = postgresMissing ?? false

test("a killed PostgreSQL has all committed rows after a restart", { skip }, async (t) => {
  const server = await startPostgres({ password: "open-sesame" })
  t.after(() => server.close())
  await server.command("CREATE TABLE kept AS SELECT 1 AS a")
  await server.kill()
  assert.equal(server.pid, undefined)
  await server.restart()
  assert.equal(await server.command("SELECT a FROM kept"), "1")
})

test("a standby has the rows of the primary, and takes over", { skip }, async (t) => {
  const primary = await startPostgres()
  t.after(() => primary.close())
  const standby = await startStandby(primary)
  t.after(() => standby.close())
  await primary.command("ALTER SYSTEM SET synchronous_standby_names = '*'")
  await primary.command("SELECT pg_reload_conf()")
  await primary.command("CREATE TABLE kept AS SELECT 1 AS a")
  await primary.kill()
  await standby.promote()
  assert.equal(await standby.command("INSERT INTO kept VALUES (2); SELECT count(*) FROM kept"), "2")
})

test("PgBouncer connects to the requested database", { skip: skip || (pgbouncerMissing ?? false) }, async (t) => {
  const server = await startPostgres({ password: "open-sesame" })
  t.after(() => server.close())
  const bouncer = await startPgBouncer(server)
  t.after(() => bouncer.close())
  const url = new URL(bouncer.through(await server.createDatabase()))
  assert.equal(url.port, String(bouncer.port))
  assert.equal(url.pathname, "/db1")
})
