import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { serveFaults } from "../fault-server.ts"
import { play, type ScriptAttempt } from "../script.ts"
import { shareBrowsers } from "./browser.ts"
import { ENGINES, missing } from "./find.ts"
import { followedBy, hasNumbers, hasState } from "./follow.ts"
import type { Followed } from "./in-page/in-page.ts"
import { servePage } from "./page-server.ts"
import { until } from "./until.ts"

const openBrowser = shareBrowsers()

for (const engine of ENGINES) {
  test(`the life of a page in ${engine}`, { skip: missing(engine) }, async (t) => {
    const tab = await (await openBrowser(engine, t)).open("about:blank")

    /** A site of its own for each test, shown in the tab; the first numbers have arrived. */
    async function visit(t: TestContext, options: Parameters<typeof page.follow>[2] = {}) {
      const site = await servePage(t)
      await tab.goto(site.pageUrl())
      await tab.evaluate((options) => page.follow("numbers", "/events", options), options)
      await site.publish(3)
      await hasNumbers(tab, 1, 3)
      return site
    }

    await t.test("hidden with `pause`, a stream disconnects, and resumes when the page is shown", async (t) => {
      const site = await visit(t, { whenHidden: "pause", hiddenAfter: 1 })
      await tab.hide()
      await hasState(tab, "paused")
      await until("it has left", () => site.open.length === 0)
      await site.publish(3)
      await tab.show()
      await hasNumbers(tab, 1, 6)
      await hasState(tab, "open")
      assert.equal(site.requests.length, 2)
    })

    await t.test("hidden with `close`, a stream ends", async (t) => {
      const site = await visit(t, { whenHidden: "close", hiddenAfter: 1 })
      await tab.hide()
      await hasState(tab, "ended")
      await until("it has left", () => site.open.length === 0)
      await tab.show()
      assert.equal(site.requests.length, 1)
    })

    await t.test("hidden, a stream stays connected by default", async (t) => {
      const site = await visit(t, { hiddenAfter: 1 })
      await tab.hide()
      await until("the page is hidden", () => tab.evaluate(() => document.hidden))
      await site.publish(3)
      await hasNumbers(tab, 1, 6)
      await tab.show()
      assert.equal(site.requests.length, 1)
    })

    await t.test("C067: shown after too long a silence, it is replaced at once", async (t) => {
      const site = await servePage(t)
      await tab.goto(site.pageUrl())
      const attempt = (text: string): ScriptAttempt => ({
        status: 200,
        headers: { "content-type": "text/event-stream" },
        body: [text, { do: "HANG" }],
      })
      const server = await serveFaults(t, play([attempt("id: 1\ndata: 1\n\n"), attempt("data: hi\n\n")]), {
        cors: true,
      })
      await tab.evaluate((url) => page.follow("silent", url, { idleTimeout: 200, isPatient: true }), server.url)
      await until(
        "the first came",
        () => followedBy(tab, "silent"),
        ({ data }) => data.length === 1,
      )
      const shown = await tab.evaluate(() => performance.now())
      await tab.hide()
      await until("silence was too long", () => tab.evaluate((shown) => performance.now() - shown > 250, shown))
      await tab.show()
      const request = await server.request(1)
      assert.equal(request.headers["last-event-id"], "1")
      const isBack = ({ data }: Followed): boolean => data.length === 2
      assert.deepEqual((await until("it carries on", () => followedBy(tab, "silent"), isBack)).data, ["1", "hi"])
    })

    await t.test("when the page is left, the stream disconnects", async (t) => {
      const site = await visit(t)
      await tab.goto("about:blank")
      await until("it has left", () => site.open.length === 0)
    })

    await t.test(
      "in the back-forward cache the page has no connection, and resumes when it is shown again",
      async (t) => {
        const site = await visit(t)
        await tab.goto(`${site.origin}/?another`)
        await until("it has left", () => site.open.length === 0)
        await site.publish(3)
        await tab.back()
        // Firefox keeps no page whose stream is open: it loads the page again
        assert.equal(await tab.evaluate(() => page.wasRestored), engine !== "firefox")
        if (engine === "firefox") return
        await hasNumbers(tab, 1, 6)
        assert.equal(site.requests.length, 2)
      },
    )

    await t.test("a network that disconnects and reconnects loses nothing", async (t) => {
      const site = await visit(t, { retry: { base: 1 } })
      for (let round = 1; round <= 3; round++) {
        site.isReachable = false
        site.cut()
        await site.publish(3)
        await hasState(tab, "reconnecting")
        site.isReachable = true
        await hasNumbers(tab, 1, 3 + 3 * round)
      }
    })

    await t.test("when the browser is online again, it reconnects without waiting", async (t) => {
      const site = await visit(t, { isPatient: true })
      // where the driver cannot put a page offline (WebKit, Firefox 140), the site goes away and the page hears of it from the test
      const setOffline =
        tab.setOffline ??
        (async (isOffline: boolean) => {
          site.isReachable = !isOffline
          await tab.evaluate((type) => void dispatchEvent(new Event(type)), isOffline ? "offline" : "online")
        })
      await setOffline(true)
      site.cut()
      await site.publish(3)
      await hasState(tab, "reconnecting")
      // a browser may say that it is online before a request can be made, so that the first one fails
      await until("it is back", async () => {
        const { state, data } = await followedBy(tab)
        if (state !== "reconnecting") return data.length === 6
        await setOffline(true)
        await setOffline(false)
      })
      await hasNumbers(tab, 1, 6)
    })

    // only the DevTools protocol can freeze a page
    if (!tab.setFrozen) return
    await t.test("frozen, the page has no connection, and resumes afterwards", async (t) => {
      const site = await visit(t)
      await tab.setFrozen?.(true)
      await until("it has left", () => site.open.length === 0)
      await site.publish(3)
      await tab.setFrozen?.(false)
      await hasNumbers(tab, 1, 6)
      assert.equal(site.requests.length, 2)
    })
  })
}
