import assert from "node:assert/strict"
import type { ServerResponse } from "node:http"
import type { TestContext } from "node:test"
import { openBrowser } from "./browser.ts"
import type { Engine } from "./find.ts"
import { followedBy, hasNumbers, numbers } from "./follow.ts"
import { servePage } from "./page-server.ts"
import { changeLeaders, haveAll, join, joinAll, leaderOf, publishing } from "./shared-tabs.ts"
import type { Browser, Tab } from "./tab.ts"
import { until } from "./until.ts"

/** What tabs of an engine that share one connection must hold to. */
export async function testSharing(engine: Engine, browser: Pick<Browser, "open">, t: TestContext): Promise<void> {
  await t.test("eight tabs have one connection, and receive every event once, with any tab as leader", (t) =>
    changeLeaders(browser, t),
  )

  await t.test("a tab that joins later receives the newest events that it requests, and later ones", async (t) => {
    const site = await servePage(t)
    const first = await join(browser, site, "1", { replay: 3 })
    await site.publish(10)
    await hasNumbers(first, 1, 10)
    const second = await join(browser, site, "2", { replay: 3 })
    const third = await join(browser, site, "3")
    await site.publish(5)
    await hasNumbers(first, 1, 15)
    await hasNumbers(second, 8, 15)
    await hasNumbers(third, 11, 15)
    assert.equal(site.requests.length, 1)
    for (const tab of [first, second, third]) await tab.close()
  })

  await t.test("C068: when the leader is closed, another takes over with the last id", async (t) => {
    const site = await servePage(t)
    const asked: { tab: string | null; id: string | undefined; res: ServerResponse }[] = []
    site.on("/feed", (req, res) => {
      const id = req.headers["last-event-id"] as string | undefined
      asked.push({ tab: new URL(req.url ?? "", site.origin).searchParams.get("tab"), id, res })
      res.writeHead(200, { "content-type": "text/event-stream" })
      // Firefox takes an answer for one once its body begins
      res.write(":\n\n")
    })
    const tabs = new Map<string, Tab>()
    for (const name of ["1", "2", "3"]) {
      const tab = await browser.open(site.pageUrl())
      await tab.evaluate((url) => page.follow("feed", url, { shared: { channel: "feed" } }), `/feed?tab=${name}`)
      await until("it has joined", async () => (await followedBy(tab, "feed")).state === "open")
      tabs.set(name, tab)
    }
    const has = async (tab: Tab, data: string[]): Promise<void> => {
      const isThere = (followed: { data: string[] }): boolean => followed.data.length >= data.length
      assert.deepEqual((await until("the event is there", () => followedBy(tab, "feed"), isThere)).data, data)
    }
    // The first tab, unless a busy machine kept it silent for so long that another took over. That one may have given up again since.
    type Asked = (typeof asked)[number]
    const leader = (): Asked => asked.findLast(({ res }) => !res.closed) ?? (asked.at(-1) as Asked)
    leader().res.write("retry: 30\nid: 1\ndata: 1\n\n")
    for (const tab of tabs.values()) await has(tab, ["1"])
    const before = asked.length
    const leaving = leader().tab ?? ""
    await tabs.get(leaving)?.close()
    tabs.delete(leaving)
    // Firefox may keep the lock of a closed tab for long. Then a tab takes it that is looked at.
    await [...tabs.values()][0]?.show()
    await until("another asks", () => asked.length > before)
    leader().res.write("id: 2\ndata: 2\n\n")
    for (const tab of tabs.values()) await has(tab, ["1", "2"])
    assert.deepEqual([asked[0]?.id, asked[before]?.id], [undefined, "1"])
    for (const tab of tabs.values()) await tab.close()
  })

  await t.test("a leader that hangs is replaced when another tab checks, and later resumes", async (t) => {
    const site = await servePage(t)
    const tabs = await joinAll(browser, site, 4)
    await site.publish(3)
    await haveAll(tabs, site)
    const leader = tabs.get(await leaderOf(site)) as Tab
    const looked = [...tabs.values()].find((tab) => tab !== leader) as Tab
    await looked.hide()
    // longer than a leader may be deaf; a timer would be late in a hidden tab
    await leader.evaluate(() => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => {
        for (const end = performance.now() + 4_000; performance.now() < end;);
      }
      port2.postMessage("hang")
    })
    await looked.show()
    await publishing(site, async () => {
      await until("another asks", () => site.requests.length > 1)
    })
    await haveAll(tabs, site)
    await leaderOf(site)
    await site.publish(3)
    await haveAll(tabs, site)
    for (const tab of tabs.values()) await tab.close()
  })

  await t.test("a leader that was in the back-forward cache receives everything once", async (t) => {
    const site = await servePage(t)
    const tabs = await joinAll(browser, site, 3)
    await site.publish(3)
    const leader = await leaderOf(site)
    const tab = tabs.get(leader) as Tab
    await publishing(site, async () => {
      await tab.goto(`${site.origin}/?another`)
      await leaderOf(site, leader)
    })
    await site.publish(3)
    await tab.back()
    if (!(await tab.evaluate(() => page.wasRestored))) tabs.delete(leader)
    await site.publish(3)
    await haveAll(tabs, site)
    await leaderOf(site)
    await tab.close()
    for (const [name, other] of tabs) if (name !== leader) await other.close()
  })

  // no other driver can freeze a page
  if (engine === "chromium") {
    await t.test("a frozen leader is replaced, and receives everything once when it is resumed", async (t) => {
      const site = await servePage(t)
      const tabs = await joinAll(browser, site, 4)
      await site.publish(3)
      await haveAll(tabs, site)
      const leader = await leaderOf(site)
      const frozen = tabs.get(leader) as Tab
      tabs.delete(leader)
      await publishing(site, async () => {
        await frozen.setFrozen?.(true)
        await leaderOf(site, leader)
      })
      await haveAll(tabs, site)
      await frozen.setFrozen?.(false)
      await site.publish(3)
      tabs.set(leader, frozen)
      await haveAll(tabs, site)
      await leaderOf(site)
      for (const tab of tabs.values()) await tab.close()
    })
  }

  await t.test("a page in a sandbox, which cannot share, uses its own connection", async (t) => {
    const site = await servePage(t)
    site.on("/alone", (_, res) => {
      const headers = { "content-type": "text/event-stream", "access-control-allow-origin": "*" }
      res.writeHead(200, headers).write("id: 1\ndata: 1\n\n")
    })
    const tab = await browser.open(site.pageUrl("sandbox allow-scripts"))
    await tab.evaluate(() => page.follow("alone", "/alone", { shared: true }))
    const { data } = await until(
      "the event is there",
      () => followedBy(tab, "alone"),
      ({ data, state }) => data.length > 0 || state.startsWith("failed"),
    )
    assert.deepEqual(data, ["1"])
    await tab.close()
  })

  await t.test("when the leader crashes, another takes over", async (t) => {
    const site = await servePage(t)
    const reports = new Map<string, string[]>()
    site.on("/report", (req, res) => {
      const query = new URL(req.url ?? "", site.origin).searchParams
      const tab = query.get("tab") ?? ""
      reports.set(tab, [...(reports.get(tab) ?? []), query.get("data") ?? ""])
      res.end()
    })
    // WebKit's driver does not survive it
    const tabs = await joinAll(engine === "webkit" ? await openBrowser(engine, t) : browser, site, 4, "/report")
    await site.publish(3)
    const leader = await leaderOf(site)
    await publishing(site, async () => {
      await tabs.get(leader)?.crash()
      await leaderOf(site, leader)
    })
    // not all drivers survive it, so the pages say themselves what they have
    for (const name of tabs.keys()) {
      if (name === leader) continue
      const has = (data: string[] | undefined): boolean => (data?.length ?? 0) >= site.published
      const data = await until("it has all", () => reports.get(name), has)
      assert.deepEqual(
        data?.map(Number).sort((a, b) => a - b),
        numbers(1, site.published).map(Number),
      )
    }
  })
}
