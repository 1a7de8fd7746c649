import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import type { Page } from "puppeteer-core"
import { missing } from "../../../onward/test/client/browsers/find.ts"
import { bearer, PUBLISH_KEY, signToken } from "../auth/tokens.ts"
import { click, openTab, shareChromium, textOf, waitForText } from "../browser.ts"
import { readEvents } from "../read-events.ts"
import { publish as publishAs, type TestServer } from "../server.ts"
import { ADMIN_KEY, serveAdmin } from "./operator.ts"

const openBrowser = shareChromium()

const skip = missing("chromium")

/** Text that would set `owned` where it became markup, an address or code. */
const HOSTILE = `"><img src=x onerror=owned=1><script>owned=1</script><svg onload=owned=1>`

interface Dashboard {
  readonly server: TestServer
  readonly page: Page
  /** What the page's scripts threw and its policy refused. */
  readonly errors: string[]
}

async function open(t: TestContext, options?: Parameters<typeof serveAdmin>[1]): Promise<Dashboard> {
  const server = await serveAdmin(t, { presence: ["room/*"], ...options })
  const errors: string[] = []
  const page = await openTab(await openBrowser(t), "about:blank", errors)
  await page.setViewport({ width: 1_300, height: 800 })
  await page.goto(`${server.adminUrl}/admin/ui/`)
  return { server, page, errors }
}

async function signIn(page: Page): Promise<void> {
  await page.waitForSelector("#key", { visible: true })
  await page.type("#key", ADMIN_KEY)
  await page.keyboard.press("Enter")
  await page.waitForSelector("#views:not([hidden])")
  await waitForText(page, "#feed-text", /^Live$/)
}

const visit = (page: Page, name: string): Promise<void> =>
  page.evaluate((hash) => void (location.hash = hash), `#/${name}`)

const publish = (server: TestServer, fields: Record<string, string>): Promise<string> =>
  publishAs(server.url, fields, bearer(PUBLISH_KEY))

/** Opens a stream as a user. `ended` resolves to all of its text. */
async function subscribe(
  t: TestContext,
  server: TestServer,
  userId: string,
  topic: string,
): Promise<{ readonly ended: Promise<string> }> {
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  const token = await signToken({ sub: userId, onward: { subscribe: [topic] } })
  const { signal } = leaving
  const response = await fetch(`${server.url}/events?topic=${topic}`, { headers: bearer(token), signal })
  return { ended: response.text().catch(() => "") }
}

/** Clicks the first row of a table that holds a text. */
async function openRow(page: Page, table: string, text: string): Promise<void> {
  await page.waitForFunction(
    (selector, wanted) => {
      const rows = [...document.querySelectorAll<HTMLElement>(`${selector} .vt-body .vt-row`)]
      const row = rows.find((each) => !each.hidden && each.textContent.includes(wanted))
      row?.click()
      return row !== undefined
    },
    {},
    table,
    text,
  )
}

test("an operator signs in, looks at each view, closes a stream and signs out", { skip }, async (t) => {
  const { server, page, errors } = await open(t)
  await page.waitForSelector("#key", { visible: true })
  await page.type("#key", "wrong")
  await page.keyboard.press("Enter")
  await waitForText(page, "#sign-in-result", /^This is not a key with admin/)
  // the browser reports the refused request
  assert.equal(errors.splice(0).length, 1)
  await page.reload()
  await signIn(page)
  const [cookie] = await page.cookies(server.adminUrl)
  assert.deepEqual([cookie?.httpOnly, cookie?.secure, cookie?.sameSite], [true, true, "Strict"])

  const { ended } = await subscribe(t, server, "ada", "room/7")
  await subscribe(t, server, "bob", "room/7")
  for (let i = 0; i < 3; i++) await publish(server, { topic: "room/7", event: "chat", data: `{"n":${i}}` })
  await publish(server, { topic: `news/${HOSTILE}`, event: HOSTILE, data: HOSTILE })

  // overview
  await waitForText(page, "#tile-streams output", /^2$/)
  await waitForText(page, "#tile-published-note", /^4 since the start$/)
  await waitForText(page, "#labels", /events200/)
  await waitForText(page, "#log-size", /up.*Entries\d/)
  await waitForText(page, "#workers tbody", /^only\d+/)
  await page.waitForFunction(() => document.querySelector("#tile-streams .curve")?.getAttribute("d") !== "")

  // streams
  await visit(page, "streams")
  await waitForText(page, "#streams-note", /^2 streams$/)
  await page.type("#streams-filter", "ada")
  await waitForText(page, "#streams-note", /^1 stream$/)
  await openRow(page, "#streams-table", "ada")
  await waitForText(page, "#streams-facts", /Userada.*Topics and patternsroom\/7/)
  await click(page, "#stream-end")
  await waitForText(page, "#stream-result", /^Closed\. Its client was told not to reconnect\.$/)
  assert.match(await ended, /event: stream\.end\n/)
  await waitForText(page, "#streams-note", /^0 streams$/)

  // topics
  await visit(page, "topics")
  await openRow(page, "#topics-table", "room/7")
  await waitForText(page, "#topics-facts", /Kept entries3Streams1.*may not read it/)
  await waitForText(page, "#presence-users", /bob/)
  await click(page, "#topics-log")

  // log, with the topic as filter
  await waitForText(page, "#log-note", /^3 entries/)
  const id = await publish(server, { topic: "room/7", event: "chat", data: '{"text":"now"}' })
  await openRow(page, "#log-table", id)
  assert.equal(await textOf(page, "#log-frame"), "", "the payload is private")
  await click(page, "#log-reveal")
  await waitForText(page, "#log-frame", /./)
  const frame = await page.$eval("#log-frame", ({ textContent }) => textContent)
  assert.equal(frame, `event: chat\nid: ${id}\ndata: {"text":"now"}\n\n`)
  assert.equal(await textOf(page, "#log-decoded"), '{\n  "text": "now"\n}')
  await click(page, "#log-curl")
  const [, url = ""] = /'(http.*)'/.exec(await waitForText(page, "#log-command", /^curl -N/)) ?? []
  const [first] = await readEvents(url, 1, bearer(ADMIN_KEY))
  assert.equal(first?.id, id, "the command replays from the entry")
  await click(page, "#log-replay")
  await waitForText(page, "#log-replayed", new RegExp(`^chat${id}`))

  // try
  await visit(page, "try")
  await page.type("#credential", await signToken({ onward: { subscribe: ["room/*"], publish: ["news"] } }))
  await page.type("#ask-subscribe", "room/7, secrets")
  await click(page, "#explain-form button")
  await waitForText(page, "#verdict", /^The token is accepted: user "ada"/)
  assert.equal(
    await textOf(page, "#decisions"),
    "May subscribe to room/7: the grant room/* covers it.May not subscribe to secrets: none of the grants [room/*] covers it.",
  )
  assert.match(await textOf(page, "#token-claims"), /"sub": "ada"/)
  await page.type("#try-topics", "room/9")
  await click(page, "#try-open")
  await waitForText(page, "#try-state", /^Open/)
  await publish(server, { topic: "room/9", data: HOSTILE })
  await waitForText(page, "#try-events", /^message.*onerror/)
  await page.type("#publish-topic", "secrets")
  await click(page, "#try-publish button")
  await waitForText(page, "#publish-result", /refuses this with 403: user "ada" .* may publish \[news\], not "secrets"/)
  assert.equal(errors.splice(0).length, 1, "the browser reports the refused request")

  // what was published is text everywhere
  await visit(page, "topics")
  await openRow(page, "#topics-table", HOSTILE)
  await visit(page, "log")
  await page.$eval("#log-topic", (field) => void ((field as HTMLInputElement).value = ""))
  await click(page, "#log-form button")
  await openRow(page, "#log-table", HOSTILE)
  await click(page, "#log-reveal")
  await waitForText(page, "#log-frame", /onerror/)
  assert.equal(await page.evaluate(() => "owned" in globalThis), false)

  await click(page, "#sign-out")
  await page.waitForSelector("#key", { visible: true })
  await page.reload()
  await page.waitForSelector("#key", { visible: true })
  assert.deepEqual(await page.cookies(server.adminUrl), [])
  assert.deepEqual(errors, [], "no script failed, and the policy refused nothing")
})

test(
  "everything is reached by the keyboard, has a name and shows the focus; a table has few elements",
  { skip },
  async (t) => {
    const { server, page, errors } = await open(t, { auth: undefined as never })
    // without authentication, on this machine: no sign-in
    await waitForText(page, "#feed-text", /^Live$/)
    const batch = Array.from({ length: 300 }, (_, i) => ({ topic: `t/${String(i).padStart(3, "0")}`, data: "x" }))
    await fetch(`${server.url}/publish`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(batch),
    })
    /** Presses Tab until an element has the focus. Each element on the way shows that it has it. */
    async function tabTo(selector: string): Promise<void> {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press("Tab")
        const [isThere, hasOutline, of] = await page.evaluate((wanted) => {
          const { activeElement } = document
          const { outlineStyle, outlineWidth } = getComputedStyle(activeElement as Element)
          const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 1
          return [activeElement?.matches(wanted), isSeen, (activeElement as Element).outerHTML.slice(0, 80)] as const
        }, selector)
        assert.ok(hasOutline, `the focus is not visible on ${of}`)
        if (isThere) return
      }
      throw new Error(`Tab does not reach ${selector}`)
    }

    await tabTo('#views a[href="#/topics"]')
    await page.keyboard.press("Enter")
    await waitForText(page, "#topics-note", /^300 topics/)
    await page.waitForFunction(() => document.activeElement?.id === "title-topics")
    await tabTo("#topics-sort")
    await page.keyboard.type("name")
    await waitForText(page, "#topics-table .vt-body .vt-row", /^t\/000/)
    await tabTo("#topics-table")
    for (const key of ["ArrowDown", "End", "PageUp", "ArrowUp", "Home", "ArrowDown", "ArrowDown"] as const) {
      await page.keyboard.press(key)
    }
    await page.keyboard.press("Enter")
    await waitForText(page, "#topics-detail-title", /^t\/002$/)
    assert.equal(await page.evaluate(() => document.activeElement?.id), "topics-detail-title")
    await page.keyboard.press("Escape")
    assert.equal(await page.evaluate(() => document.activeElement?.id), "topics-table")
    await page.keyboard.press("End")
    await page.waitForFunction(() => {
      const rows = [...document.querySelectorAll<HTMLElement>("#topics-table .vt-body .vt-row")]
      return rows.some((row) => !row.hidden && row.textContent.startsWith("t/299"))
    })
    const state = await page.$eval("#topics-table", (table) => ({
      rows: table.querySelectorAll(".vt-body .vt-row").length,
      count: table.getAttribute("aria-rowcount"),
      active: document.getElementById(table.getAttribute("aria-activedescendant") ?? "")?.getAttribute("aria-rowindex"),
    }))
    assert.ok(state.rows < 60, `${state.rows} elements for 300 rows`)
    assert.deepEqual([state.count, state.active], ["301", "301"])

    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("input, select, textarea, button, [role=grid], [role=region], nav")]
        .filter((element) => {
          const { labels } = element as HTMLInputElement
          const isLabelled = element.hasAttribute("aria-label") || element.hasAttribute("aria-labelledby")
          return (
            !isLabelled &&
            (labels?.length ?? 0) === 0 &&
            (element.tagName !== "BUTTON" || element.textContent.trim() === "")
          )
        })
        .map(({ outerHTML }) => outerHTML.slice(0, 80)),
    )
    assert.deepEqual(nameless, [])

    // the cards of the overview fill whole rows at each width
    await visit(page, "overview")
    await page.waitForSelector("#view-overview:not([hidden])")
    for (const [width, rows] of [
      [1_400, [5]],
      [1_280, [2, 3]],
      [800, [1, 2, 2]],
      [390, [1, 1, 1, 1, 1]],
    ] as const) {
      await page.setViewport({ width, height: 800 })
      const [counts, free] = await page.evaluate(() => {
        const boxes = [...document.querySelectorAll(".cards > .card")].map((card) => card.getBoundingClientRect())
        const rows = Map.groupBy(boxes, ({ top }) => Math.round(top))
        const { right } = (document.querySelector(".cards") as Element).getBoundingClientRect()
        return [
          [...rows.values()].map(({ length }) => length),
          Math.max(...[...rows.values()].map((row) => right - (row.at(-1)?.right ?? 0))),
        ] as const
      })
      assert.deepEqual(counts, rows, `at ${width}`)
      assert.ok(free < 2, `${free} are free at ${width}`)
    }

    // the width of a phone: nothing is cut off
    await page.setViewport({ width: 360, height: 740 })
    for (const name of ["overview", "streams", "topics", "log", "try"]) {
      await visit(page, name)
      await page.waitForSelector(`#view-${name}:not([hidden])`)
      const [width, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      assert.ok((width ?? 0) <= (room ?? 0), `${name} is ${width} wide`)
    }
    assert.deepEqual(errors, [])
  },
)
