import assert from "node:assert/strict"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query"
import { createElement, StrictMode, type ReactNode } from "react"
import { SWRConfig } from "swr"
import { until } from "../client/browsers/until.ts"
import { repositoryRoot } from "../house/imports.ts"
import { openMarket } from "./market.ts"
import { mount } from "./page.ts"
import { useLiveQueries } from "./recipes/live-queries.ts"
import { pricesQuery } from "./recipes/streamed-query.ts"
import { usePrices } from "./recipes/swr-subscription.ts"

const RECIPES = "packages/onward/test/react/recipes"
const strict = (...children: ReactNode[]): ReactNode => createElement(StrictMode, null, ...children)

/** A client of queries, and the context that gives it to components. */
function createQueries(t: TestContext): { provide(...children: ReactNode[]): ReactNode } {
  const client = new QueryClient()
  t.after(() => client.clear())
  return { provide: (...children) => strict(createElement(QueryClientProvider, { client }, ...children)) }
}

test("docs/react.md shows exactly the recipes that run here", () => {
  const page = readFileSync(join(repositoryRoot, "docs/react.md"), "utf8")
  const blocks = new Set([...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code))
  const files = globSync("*.ts", { cwd: join(repositoryRoot, RECIPES) })
  assert.ok(files.length > 0)
  for (const file of files) {
    assert.ok(blocks.has(readFileSync(join(repositoryRoot, RECIPES, file), "utf8")), `${RECIPES}/${file} is not in it`)
  }
})

test("a query of a stream shows its events, and resumes when it is shown again", async (t) => {
  const market = await openMarket(t)
  const queries = createQueries(t)
  let failure: unknown
  function Show(): ReactNode {
    const { data, error } = useQuery(pricesQuery(market.eventsWithGap))
    failure = error
    return JSON.stringify(data?.bySymbol ?? null)
  }
  await market.set("ACME", 1)
  const place = mount(t, queries.provide(createElement(Show), createElement(Show)))
  await until("history is shown", () => place.text === '{"ACME":1}{"ACME":1}')
  await market.set("EMCA", 2)
  await until("news is shown", () => place.text === '{"ACME":1,"EMCA":2}'.repeat(2))
  assert.equal(market.open, 1)
  const before = market.streams.length

  place.render(queries.provide())
  await until("it is closed", () => market.open === 0)
  await market.set("ACME", 3)
  place.render(queries.provide(createElement(Show)))
  await until("nothing is missing", () => place.text === '{"ACME":3,"EMCA":2}')
  assert.equal(market.streams.length, before + 1)
  assert.notEqual(market.streams.at(-1), undefined, "it carried on")
  assert.equal(failure, null)
})

test("queries are updated by a stream, and fetched again after a gap", async (t) => {
  const market = await openMarket(t)
  const queries = createQueries(t)
  const failures: unknown[] = []
  const report = (error: unknown): number => failures.push(error)
  function Show({ url }: { readonly url: string }): ReactNode {
    useLiveQueries(url, report)
    const { data } = useQuery({
      queryKey: ["price", "ACME"],
      queryFn: async () => (await fetch(`${market.origin}/ACME`)).json() as Promise<number | null>,
      staleTime: Infinity,
    })
    return String(data)
  }
  const shown = (url: string): ReactNode => queries.provide(createElement(Show, { url }))
  const place = mount(t, shown(`${market.origin}/events`))
  await until("the price is shown", () => place.text === "null" && market.open === 1)
  await market.set("ACME", 2)
  await until("its change is shown", () => place.text === "2")
  assert.equal(market.asked, 1)

  place.render(shown(market.eventsWithGap))
  await until("it is fetched again", () => market.asked === 2)
  place.render(queries.provide())
  await until("it is closed", () => market.open === 0)
  assert.deepEqual(failures, [])
})

test("components that subscribe by SWR have one stream, closed with the last of them", async (t) => {
  const market = await openMarket(t)
  function Show(): ReactNode {
    const { data, error } = usePrices(market.eventsWithGap)
    return createElement("p", null, JSON.stringify(error ?? data ?? null))
  }
  const shown = (count: number): ReactNode => {
    const all = Array.from({ length: count }, (_, key) => createElement(Show, { key }))
    return strict(createElement(SWRConfig, { value: { provider: () => new Map() }, children: all }))
  }
  await market.set("ACME", 1)
  const place = mount(t, shown(2))
  await until("history is shown", () => place.text === '{"ACME":1}{"ACME":1}')
  await market.set("ACME", 2)
  await until("news is shown", () => place.text === '{"ACME":2}{"ACME":2}')
  assert.equal(market.open, 1)
  place.render(shown(0))
  await until("it is closed", () => market.open === 0)
})
