import { cases, testBehindProxy } from "./behind-proxy.ts"
import { shareChromium } from "./browser.ts"

const openBrowser = shareChromium()

for (const what of cases) testBehindProxy(what, what.isSecure ? 150 : 500, openBrowser)
