import assert from "node:assert/strict"
import type { IncomingMessage } from "node:http"
import { join } from "node:path"
import { test } from "node:test"
import { memoryLog } from "onward"
import { createAuth, type Auth, type AuthOptions } from "../../src/auth/index.ts"
import { testServer } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { ADMIN_AUTH, ADMIN_KEY, bearer } from "./tokens.ts"

const OPTIONS: AuthOptions = {
  ...ADMIN_AUTH,
  tickets: { secret: "the secret of tickets has more than thirty-two bytes" },
}

/** Asks for a ticket as a backend, and uses it as a client does. */
async function create(auth: Auth): Promise<string> {
  const ticket = await auth.createTicket(await auth.verify(ADMIN_KEY))
  return String(ticket?.ticket)
}

async function use(auth: Auth, ticket: string): Promise<void> {
  const req = { method: "GET", headers: {}, socket: {} } as IncomingMessage
  await auth.authenticate(req, new URL(`http://hub/events?topic=a&ticket=${ticket}`))
}

test("a used ticket stays used, however many others are used before it expires", async (t) => {
  // the log keeps 20,000 entries of a topic, here 20
  const auth = await createAuth(OPTIONS, {
    openLog: async () => memoryLog({ retention: { topic: { count: 20 } } }),
    onError: (error) => assert.fail(String(error)),
  })
  t.after(() => auth.stop())
  const ticket = await create(auth)
  await use(auth, ticket)
  for (let i = 0; i < 60; i++) await use(auth, await create(auth))
  await assert.rejects(use(auth, ticket), { outcome: "used" })
})

test("used tickets are remembered as long as tickets last, also where tokens last a shorter time", async () => {
  const kept: number[] = []
  const openLog = async (keep: number) => {
    kept.push(keep)
    return memoryLog()
  }
  for (const tickets of [
    OPTIONS.tickets,
    { ...OPTIONS.tickets, secret: OPTIONS.tickets?.secret ?? "", expiresIn: 60_000 },
  ]) {
    const options = { ...OPTIONS, maxTokenLifetime: 1_000, ...(tickets && { tickets }) }
    await (await createAuth(options, { openLog, onError: (error) => assert.fail(String(error)) })).stop()
  }
  assert.deepEqual(kept, [30_000, 60_000])
})

test("of forty uses at once of one ticket, at two hubs, one is accepted", async (t) => {
  const log = `sqlite:${join(temporaryFolder(t), "events.db")}`
  const hubs = [await testServer(t, { auth: OPTIONS, log }), await testServer(t, { auth: OPTIONS, log })]
  const body = new URLSearchParams({ userId: "ada", topic: "a" })
  const response = await fetch(`${hubs[0]?.url}/auth/tickets`, { method: "POST", headers: bearer(ADMIN_KEY), body })
  const { ticket } = (await response.json()) as { readonly ticket: string }
  const statuses = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const headers = { accept: "application/json, text/event-stream" }
      const answer = await fetch(`${hubs[i % 2]?.url}/events?topic=a&ticket=${ticket}`, { headers })
      await answer.body?.cancel()
      return answer.status
    }),
  )
  assert.deepEqual(
    statuses.filter((status) => status !== 401),
    [200],
  )
})
