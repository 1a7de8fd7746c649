import { test } from "node:test"
import { openBrowser } from "./browser.ts"
import { missing } from "./find.ts"
import { changeLeaders } from "./shared-tabs.ts"
import { testSharing } from "./sharing.ts"

test("tabs that share one connection, in webkit", { skip: missing("webkit") }, async (t) =>
  testSharing("webkit", await openBrowser("webkit", t), t),
)

// Firefox stops the script of a tab that closes at any place, and then runs later ones. In one of six rounds that once made tabs lose or repeat an
// event, or left them without a leader; `npm run simulate-tabs` stops scripts at many more places.
test(
  "eight tabs of Firefox have one connection, and receive every event once, with any tab as leader, ten times",
  { skip: missing("firefox") },
  async (t) => {
    const browser = await openBrowser("firefox", t)
    for (let round = 1; round <= 10; round++) await t.test(`round ${round}`, (t) => changeLeaders(browser, t))
  },
)
