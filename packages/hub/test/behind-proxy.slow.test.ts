import { cases, testBehindProxy } from "./behind-proxy.ts"
import { shareChromium } from "./browser.ts"

const openBrowser = shareChromium()

// both values of each setting with each other one; all cases are in `behind-proxy.long.test.ts`
for (const what of cases) {
  const { setup, isSecure, isHostKept } = what
  if (isSecure === ((setup.name === "Caddy") !== isHostKept)) testBehindProxy(what, 150, openBrowser)
}
