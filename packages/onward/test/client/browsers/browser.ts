import type { TestContext } from "node:test"
import type { Engine } from "./find.ts"
import { openWithProfile } from "./profile.ts"
import { openPuppeteer } from "./puppeteer.ts"
import type { Browser } from "./tab.ts"
import { openWebKit } from "./webkit.ts"

/** Starts a browser with a profile of its own; both are gone when the test is over. */
export const openBrowser = (engine: Engine, t: Pick<TestContext, "after">): Promise<Browser> =>
  openWithProfile(t, (profile) => (engine === "webkit" ? openWebKit(profile) : openPuppeteer(engine, profile)))
