import assert from "node:assert/strict"
import { hasNumbers, hasState } from "./follow.ts"
import { servePage, type PageServer } from "./page-server.ts"
import type { Ending } from "./profile.ts"
import type { Browser, Tab } from "./tab.ts"
import { until } from "./until.ts"

/** Tabs by the name each gives in its requests. */
type Tabs = Map<string, Tab>

/** Opens a tab that shares the numbers; resolves once it has joined. */
export async function join(
  browser: Pick<Browser, "open">,
  site: PageServer,
  name: string,
  { replay = 0, report = "" } = {},
): Promise<Tab> {
  const tab = await browser.open(site.pageUrl())
  const shared = { channel: "numbers", replay }
  await tab.evaluate((url, options) => page.follow("numbers", url, options), `/events?tab=${name}`, { shared, report })
  await hasState(tab, "open")
  return tab
}

export async function joinAll(
  browser: Pick<Browser, "open">,
  site: PageServer,
  count: number,
  report = "",
): Promise<Tabs> {
  const tabs: Tabs = new Map()
  for (let i = 1; i <= count; i++) tabs.set(`${i}`, await join(browser, site, `${i}`, { report }))
  return tabs
}

/** The tab that reads for all, once there is just one, and it is not `former`. */
export async function leaderOf(site: PageServer, former?: string): Promise<string> {
  await until(
    "one tab leads",
    () => site.open.map(({ tab }) => tab),
    (open) => open.length === 1 && open[0] !== former,
  )
  return site.open[0]?.tab ?? ""
}

/** Publishes on and on while `act` goes on. */
export async function publishing(site: PageServer, act: () => Promise<void>): Promise<void> {
  const acting = act()
  const over = acting.then(
    () => true,
    () => true,
  )
  const soon = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 10))
  do await site.publish(1)
  while (!(await Promise.race([over, soon()])))
  await acting
}

export async function haveAll(tabs: Tabs, site: PageServer): Promise<void> {
  for (const tab of tabs.values()) await hasNumbers(tab, 1, site.published)
}

/** Several tabs have one connection, and receive every event once, with any tab as leader. A browser opens six connections to a host over HTTP/1.1. */
export async function changeLeaders(browser: Pick<Browser, "open">, t: Ending, count = 8): Promise<void> {
  const site = await servePage(t)
  const tabs = await joinAll(browser, site, count)
  await site.publish(20)
  await haveAll(tabs, site)
  assert.equal(site.most, 1)
  assert.equal(site.requests.length, 1)

  for (let round = 1; round <= 3; round++) {
    const leader = await leaderOf(site)
    await publishing(site, async () => {
      await tabs.get(leader)?.close()
      tabs.delete(leader)
      await leaderOf(site, leader)
    })
    await haveAll(tabs, site)
    assert.equal(site.requests.length, 1 + round, "one request a leader")
  }

  site.cut()
  await site.publish(3)
  await haveAll(tabs, site)
  await leaderOf(site)
  for (const tab of tabs.values()) await tab.close()
  await until("the last has left", () => site.open.length === 0)
}
