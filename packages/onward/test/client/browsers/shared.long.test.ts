import { test } from "node:test"
import { openBrowser } from "./browser.ts"
import { missing } from "./find.ts"
import { changeLeaders } from "./shared-tabs.ts"

// An open fault: on a busy machine, Firefox once lost an event when the leader closed, and twice no tab led afterwards.
test(
  "eight tabs of Firefox have one connection, and receive every event once, with any tab as leader, ten times",
  { skip: missing("firefox") },
  async (t) => {
    const browser = await openBrowser("firefox", t)
    for (let round = 1; round <= 10; round++) await t.test(`round ${round}`, (t) => changeLeaders(browser, t))
  },
)
