import { test } from "node:test"
import { shareBrowsers } from "./browser.ts"
import { missing } from "./find.ts"
import { changeLeaders } from "./shared-tabs.ts"
import { testSharing } from "./sharing.ts"

const openSharedBrowser = shareBrowsers()

for (const engine of ["chromium", "firefox"] as const) {
  test(`tabs that share one connection, in ${engine}`, { skip: missing(engine) }, async (t) =>
    testSharing(engine, await openSharedBrowser(engine, t), t),
  )
}

// A tab of WebKit takes its driver seconds: `npm run test:long` runs the other tests there.
test(
  "four tabs of WebKit have one connection, and receive every event once, with any tab as leader",
  { skip: missing("webkit") },
  async (t) => changeLeaders(await openSharedBrowser("webkit", t), t, 4),
)
