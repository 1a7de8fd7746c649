import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Log, type Page } from "../../src/log/index.ts"
import { logCases, type OpenLogOptions } from "../../src/log/suite/index.ts"

/** Runs the suite on a broken memory log until a case fails, and says which. */
async function firstFailure(
  breakLog: (log: Log, options: OpenLogOptions) => Partial<Log>,
): Promise<string | undefined> {
  const open = (options: OpenLogOptions): Log => {
    const log = memoryLog(options)
    return { ...log, ...breakLog(log, options) }
  }
  const cases = logCases({ create: () => ({ open }), lacks: { sharing: "one log" }, seed: 1, wakeTimeout: 300 })
  for (const { name, skip, run } of cases) {
    if (skip !== undefined) continue
    try {
      await run()
    } catch {
      return name
    }
  }
  return undefined
}

const withPage = (log: Log, change: (page: Page) => Page): Partial<Log> => ({
  read: async (query) => change(await log.read(query)),
})

const faults: Record<string, (log: Log, options: OpenLogOptions) => Partial<Log>> = {
  "says nothing of losses": (log) => withPage(log, ({ lost: _, ...page }) => page),
  "tells losses of the whole log for every topic": (log) => ({
    async read(query) {
      const page = await log.read(query)
      const { lost } = await log.read({ after: query.after, limit: 1 })
      return { ...page, ...(lost && { lost }) }
    },
  }),
  "calls every loss a trimmed one": (log) =>
    withPage(log, (page) => (page.lost ? { ...page, lost: { ...page.lost, reason: "trimmed" } } : page)),
  "skips to the end with every page": (log) => ({
    read: async (query) => ({ ...(await log.read(query)), next: (await log.bounds()).last }),
  }),
  "does not move on without entries": (log) => ({
    async read(query) {
      const page = await log.read(query)
      return { ...page, next: page.entries.at(-1)?.position ?? query.after }
    },
  }),
  "reads from the entry, not after it": (log) => ({
    async read(query) {
      const { entries } = await log.read({ after: (await log.bounds()).first, limit: 1000 })
      const page = await log.read(query)
      return { ...page, entries: [...entries.filter(({ position }) => position === query.after), ...page.entries] }
    },
  }),
  "gives more than the limit": (log) => ({ read: (query) => log.read({ ...query, limit: query.limit + 1 }) }),
  "ignores topics": (log) => ({ read: ({ after, limit }) => log.read({ after, limit }) }),
  "forgets keys": (log) => ({
    append: (messages) => log.append(messages.map(({ idempotencyKey: _, ...message }) => message)),
  }),
  "loses the second half of a call": (log) => ({
    async append(messages) {
      const { positions, ...appended } = await log.append(messages.slice(0, Math.ceil(messages.length / 2)))
      return { ...appended, positions: messages.map((_, i) => positions[i] ?? positions.at(-1) ?? "") }
    },
  }),
  "splits calls, so that others come in between": (log) => ({
    async append(messages) {
      const all = []
      for (const message of messages) {
        all.push(await log.append([message]))
        await new Promise((resolve) => void setTimeout(resolve, 1))
      }
      const [first] = all
      if (!first) return log.append([])
      return { ...first, positions: all.flatMap(({ positions }) => positions) }
    },
  }),
  "acknowledges before it stores": (log) => ({
    async append(messages) {
      const { last: previous } = await log.bounds()
      setTimeout(() => void log.append(messages).catch(() => {}), 5)
      return { positions: messages.map(() => previous), previous, time: 0 }
    },
  }),
  "tells the newest position as previous": (log) => ({
    append: async (messages) => ({ ...(await log.append(messages)), previous: (await log.bounds()).last }),
  }),
  "never wakes": () => ({ watch: async () => async () => {} }),
  "wakes before there is anything to read": (log) => {
    const wakes = new Set<() => void>()
    return {
      async append(messages) {
        for (const wake of wakes) wake()
        await new Promise((resolve) => void setTimeout(resolve, 5))
        return log.append(messages)
      },
      async watch(wake) {
        wakes.add(wake)
        return async () => void wakes.delete(wake)
      },
    }
  },
  "wakes those who stopped watching": (log) => ({
    async watch(wake) {
      await log.watch(wake)
      return async () => {}
    },
  }),
  "keeps everything": (_, options) => memoryLog({ ...options, retention: {} }),
  "keeps one too few": (_, { retention, ...options }) =>
    memoryLog({ ...options, retention: { ...retention, ...(retention?.count && { count: retention.count - 1 }) } }),
  "starts at the oldest kept entry, not before it": (log) => ({
    async bounds() {
      const { first, last } = await log.bounds()
      const { entries } = await log.read({ after: first, limit: 1 })
      return { first: entries[0]?.position ?? first, last }
    },
  }),
  "goes on after close": () => ({ close: async () => {} }),
  "refuses calls that are under way when it closes": (log) => {
    let isClosed = false
    return {
      async read(query) {
        await new Promise((resolve) => void setTimeout(resolve, 1))
        return isClosed ? Promise.reject(new Error("closed")) : log.read(query)
      },
      async close() {
        isClosed = true
        await log.close()
      },
    }
  },
  "trims lines": (log) => ({
    append: (messages) => log.append(messages.map((message) => ({ ...message, data: message.data.trim() }))),
  }),
}

test("the suite accepts a log that follows the contract", async () => {
  assert.equal(await firstFailure(() => ({})), undefined)
})

for (const [fault, breakLog] of Object.entries(faults)) {
  test(`the suite rejects a log that ${fault}`, async (t) => {
    const name = await firstFailure(breakLog)
    assert.ok(name !== undefined)
    t.diagnostic(name)
  })
}
