import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { after, before, test } from "node:test"
import { Pool } from "pg"
import postgres from "postgres"
import { sse } from "../../src/adapters/node.ts"
import { createHub } from "../../src/hub/index.ts"
import type { Entry, Log } from "../../src/log/index.ts"
import { postgresLog, postgresSchema } from "../../src/log/postgres/index.ts"
import { connect } from "../../src/testing/index.ts"
import {
  pgbouncerMissing,
  postgresMissing,
  startPgBouncer,
  startPostgres,
  startStandby,
  type PostgresServer,
} from "../stores/postgres.ts"

const skip = postgresMissing ?? false
/** `fetch_types`: see docs/postgres.md. Without it a kill of the server ended one run in ten. */
const JS = { onnotice: () => {}, fetch_types: false }
let server: PostgresServer
let pool: Pool
let sql: postgres.Sql

before(async () => {
  if (skip) return
  server = await startPostgres({ password: "open-sesame" })
  pool = new Pool({ connectionString: server.url })
  sql = postgres(server.url, { ...JS, max: 4 })
})

after(async () => {
  await pool?.end()
  await sql?.end({ timeout: 1 })
  await server?.close()
})

async function entriesOf(log: Log): Promise<readonly Entry[]> {
  const { first } = await log.bounds()
  return (await log.read({ after: first, limit: 4000 })).entries
}

const dataOf = async (log: Log): Promise<string[]> => (await entriesOf(log)).map(({ data }) => data)

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, `waited 20 seconds for ${what}`)
    await new Promise((resolve) => void setTimeout(resolve, 20))
  }
}

test(
  "messages appended in a transaction are delivered when it commits, and never after a rollback",
  { skip },
  async () => {
    const log = postgresLog(pool, { schema: "outbox" })
    let wakes = 0
    const stop = await log.watch(() => void wakes++)
    await log.append([{ topic: "a", data: "before" }])

    const client = await pool.connect()
    await client.query("BEGIN")
    await log.appendIn(client, [{ topic: "a", data: "rolled back" }])
    assert.deepEqual(await dataOf(log), ["before"])
    await client.query("ROLLBACK")
    await client.query("BEGIN")
    const { positions } = await log.appendIn(client, [{ topic: "a", data: { id: 7 } }])
    wakes = 0
    await client.query("COMMIT")
    client.release()
    await until("a wake", () => wakes > 0)
    assert.equal((await log.bounds()).last, positions[0])

    await sql.begin(async (transaction) => log.appendIn(transaction, [{ topic: "a", data: "by the other client" }]))
    const refused = sql.begin(async (transaction) => {
      await log.appendIn(transaction, [{ topic: "a", data: "rolled back, too" }])
      throw new Error("no")
    })
    await assert.rejects(refused, /no/)
    assert.deepEqual(await dataOf(log), ["before", '{"id":7}', "by the other client"])
    await stop()
    await log.close()
  },
)

test("a message that could break a stream is refused in a transaction too", { skip }, async () => {
  const log = postgresLog(pool, { schema: "outbox" })
  await assert.rejects(log.appendIn(pool, [{ topic: "a", event: "a\nb" }]), { code: "invalid_message" })
  await assert.rejects(log.appendIn(pool, [{ topic: "a/*" }]), { code: "invalid_selector" })
  await log.close()
})

test("a trigger publishes rows that are written to a table", { skip }, async () => {
  const log = postgresLog(pool, { schema: "tailed" })
  await log.bounds()
  const recipe = readFileSync(new URL("../../../../docs/recipes/tail-a-table.md", import.meta.url), "utf8")
  const [, trigger = ""] = /```sql\n(CREATE [^`]+)```/.exec(recipe) ?? []
  await pool.query("CREATE TABLE orders (id integer PRIMARY KEY, state text)")
  await pool.query(trigger.replaceAll("onward.", "tailed."))
  await pool.query("INSERT INTO orders VALUES (7, 'new')")
  await pool.query("UPDATE orders SET state = 'paid' WHERE id = 7")
  const entries = await entriesOf(log)
  assert.deepEqual(
    entries.map(({ topic, event, data }) => [topic, event, JSON.parse(data)]),
    [
      ["orders/7", "insert", { id: 7, state: "new" }],
      ["orders/7", "update", { id: 7, state: "paid" }],
    ],
  )
  await assert.rejects(pool.query("SELECT tailed.publish('a/*', '')"), { code: "22023" })
  await assert.rejects(pool.query("SELECT tailed.publish('a', '', E'a\\nb')"), { code: "22023" })
  await pool.query("SELECT tailed.publish('a:b/c', E'\\x1a0000')")
  assert.equal((await entriesOf(log)).at(-1)?.data, "\u001a0000")
  await log.close()
})

test("an append that another transaction blocks rejects with the reason, and stores nothing", { skip }, async () => {
  const log = postgresLog(pool, { schema: "held", timeout: 20_000 })
  const impatient = postgresLog(sql, { schema: "held", timeout: 300 })
  await log.append([{ topic: "a", data: "1" }])
  // a busy machine needs longer to connect
  await until("a connection", () =>
    impatient.bounds().then(
      () => true,
      () => false,
    ),
  )
  const client = await pool.connect()
  await client.query("BEGIN")
  await log.appendIn(client, [{ topic: "a", data: "2" }])
  await assert.rejects(impatient.append([{ topic: "a", data: "never" }]), { retryable: true })
  await until("the server to give up, too", async () => {
    const { rows } = await pool.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return rows.length === 0
  })
  await client.query("COMMIT")
  client.release()
  assert.deepEqual(await dataOf(log), ["1", "2"])
  await log.close()
  await impatient.close()
})

const urlWith = (change: (url: URL) => void): string => {
  const url = new URL(server.url)
  change(url)
  return url.href
}

/** Both clients at an address, and their end. */
function clientsOf(url: string) {
  const [one, two] = [new Pool({ connectionString: url }), postgres(url, { ...JS, max: 2 })]
  return { clients: [one, two], end: async () => void (await Promise.all([one.end(), two.end({ timeout: 1 })])) }
}

async function failsWith(url: string, code: string, isRetryable: boolean): Promise<void> {
  const { clients, end } = clientsOf(url)
  for (const client of clients) {
    const log = postgresLog(client, { schema: "refused" })
    for (const ask of [() => log.append([{ topic: "a", data: "" }]), () => log.bounds()]) {
      await assert.rejects(ask, (error: Error & { code: string; retryable: boolean }) => {
        assert.deepEqual([error.code, error.retryable], [code, isRetryable], String(error.cause))
        assert.doesNotMatch(error.message, /sesame|127\.0\.0\.1/)
        return true
      })
    }
    await log.close()
  }
  await end()
}

test("a wrong password, a missing privilege and an unreachable server are told apart", { skip }, async () => {
  await failsWith(
    urlWith((url) => (url.password = "open-barley")),
    "log_denied",
    false,
  )
  await server.command("CREATE ROLE nobody LOGIN PASSWORD 'open-sesame'")
  await failsWith(
    urlWith((url) => (url.username = "nobody")),
    "log_denied",
    false,
  )
  await failsWith(
    urlWith((url) => (url.port = "1")),
    "log_unavailable",
    true,
  )
})

test("a read-only user can read, and a user of the tables need not own them", { skip }, async () => {
  const owner = postgresLog(pool, { schema: "shared" })
  await owner.append([{ topic: "a", data: "1" }])
  await server.command(`
    CREATE ROLE reader LOGIN PASSWORD 'open-sesame'; CREATE ROLE writer LOGIN PASSWORD 'open-sesame';
    GRANT USAGE ON SCHEMA shared TO reader, writer; GRANT SELECT ON ALL TABLES IN SCHEMA shared TO reader;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shared TO writer`)
  for (const name of ["writer", "reader"]) {
    const { clients, end } = clientsOf(urlWith((url) => (url.username = name)))
    for (const client of clients) {
      const log = postgresLog(client, { schema: "shared", retention: { count: 2, topic: { count: 2 } } })
      const appending = log.append([{ topic: name, data: "", idempotencyKey: name }])
      if (name === "writer") await appending
      else await assert.rejects(appending, { code: "log_denied" })
      assert.deepEqual(await dataOf(log), ["1", ""])
      await log.close()
    }
    await end()
  }
  await owner.close()
})

test("tables of another program are not changed", { skip }, async () => {
  await server.command("CREATE SCHEMA theirs; CREATE TABLE theirs.log AS SELECT 1 AS a")
  const log = postgresLog(pool, { schema: "theirs" })
  await assert.rejects(log.append([{ topic: "a", data: "" }]), { code: "log_corrupt", retryable: false })
  assert.equal(await server.command("SELECT a FROM theirs.log"), "1")
  await log.close()
})

test("without `migrate` the tables must exist, and the SQL that creates them can run twice", { skip }, async () => {
  const log = postgresLog(pool, { schema: "by_hand", migrate: false })
  await assert.rejects(log.bounds(), { code: "log_unsupported" })
  await pool.query(postgresSchema("by_hand"))
  await log.append([{ topic: "a", data: "1" }])
  await pool.query(postgresSchema("by_hand"))
  assert.deepEqual(await dataOf(log), ["1"])
  await log.close()
})

test("behind PgBouncer a log works without NOTIFY", { skip: skip || (pgbouncerMissing ?? false) }, async () => {
  const bouncer = await startPgBouncer(server)
  const url = bouncer.through(server.url)
  const [one, two] = [new Pool({ connectionString: url }), postgres(url, { ...JS, prepare: false })]
  const here = postgresLog(one, { schema: "bouncer", notify: false })
  const there = postgresLog(two, { schema: "bouncer", notify: false })
  let wakes = 0
  const stop = await here.watch(() => void wakes++)
  await Promise.all(Array.from({ length: 20 }, (_, i) => there.append([{ topic: "a", data: String(i) }])))
  await until("a wake", () => wakes > 0)
  assert.equal((await dataOf(here)).length, 20)
  await stop()
  await here.close()
  await there.close()
  await one.end()
  await two.end({ timeout: 1 })
  await bouncer.close()
})

test(
  "no acknowledged message is lost when the server is killed repeatedly, and a hub continues",
  { skip },
  async () => {
    // both of `pg`, because `postgres` 3.4.9 does not survive every kill, see docs/postgres.md
    const clients = [new Pool({ connectionString: server.url }), new Pool({ connectionString: server.url })]
    const errors: unknown[] = []
    const hubs = clients.map((client) =>
      createHub({ log: postgresLog(client, { schema: "killed" }), onError: (error) => errors.push(error) }),
    )
    const [publishing, listening] = hubs as [(typeof hubs)[0], (typeof hubs)[0]]
    const seen: string[] = []
    await publishing.publish({ topic: "a", data: "away" })
    const reader = await connect(
      (req, res) => sse(req, res, listening.subscribe({ topics: ["a"], from: "earliest" })),
      {
        timeout: 20_000,
      },
    )
    const acknowledged: string[] = []
    let number = 0
    const publishingOver = new AbortController()
    const publisher = async (): Promise<void> => {
      while (!publishingOver.signal.aborted) {
        const data = String(number++)
        for (;;) {
          try {
            await publishing.publish({ topic: "a", data, idempotencyKey: data })
            acknowledged.push(data)
            break
          } catch (error) {
            assert.ok((error as { retryable?: boolean }).retryable, String(error))
            await new Promise((resolve) => void setTimeout(resolve, 20))
          }
        }
      }
    }
    const publishers = [publisher(), publisher(), publisher()]
    for (let i = 0; i < 3; i++) {
      const before = acknowledged.length
      await until("acknowledgements", () => acknowledged.length > before + 20)
      await server.kill()
      await assert.rejects(publishing.publish({ topic: "a", data: "away" }), { retryable: true })
      await server.restart()
    }
    publishingOver.abort()
    await Promise.all(publishers)
    await publishing.publish({ topic: "a", data: "end" })
    for (let data = ""; data !== "end"; seen.push(data)) data = (await reader.next()).data ?? ""
    const numbers = seen.filter((data) => data !== "away" && data !== "end")
    assert.deepEqual(numbers.toSorted(), acknowledged.toSorted())
    await reader.cut()
    await Promise.all(hubs.map((hub) => hub.close()))
    await Promise.all(clients.map((client) => client.end()))
  },
)

test("a failover that can have lost commits begins a new epoch, and one that cannot does not", { skip }, async () => {
  for (const isSynchronous of [false, true]) {
    const primary = await startPostgres()
    const standby = await startStandby(primary)
    if (isSynchronous) {
      await primary.command("ALTER SYSTEM SET synchronous_standby_names = '*'")
      await primary.command("SELECT pg_reload_conf()")
      await until("the setting", async () => (await primary.command("SHOW synchronous_standby_names")) === "*")
    }
    const [before, after] = [new Pool({ connectionString: primary.url }), new Pool({ connectionString: standby.url })]
    const old = postgresLog(before)
    const { positions } = await old.append([{ topic: "a", data: "1" }])
    const [position = ""] = positions
    const log = postgresLog(after)
    await until("the standby to have it", async () => {
      const { last } = await log.bounds().catch(() => ({ last: "" }))
      return last === position
    })
    await assert.rejects(log.append([{ topic: "a", data: "no" }]), { code: "log_unavailable" })
    assert.deepEqual(await dataOf(log), ["1"])
    await primary.kill()
    await standby.promote()
    await log.append([{ topic: "a", data: "2" }])
    const { lost, entries } = await log.read({ after: position, limit: 10 })
    assert.equal(lost?.reason, isSynchronous ? undefined : "epoch")
    assert.deepEqual(
      entries.map(({ data }) => data),
      isSynchronous ? ["2"] : ["1", "2"],
    )
    await old.close()
    await log.close()
    await before.end()
    await after.end()
    await primary.close()
    await standby.close()
  }
})
