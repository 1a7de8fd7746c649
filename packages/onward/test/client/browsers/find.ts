import { globSync } from "node:fs"
import { canRun, onPath } from "../../on-path.ts"

/** The engines of today's browsers. Their order is that of their tests. */
export const ENGINES = ["chromium", "firefox", "webkit"] as const
export type Engine = (typeof ENGINES)[number]

/** Programs, by all the names they go by. */
const NAMES = {
  chromium: ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
  firefox: ["firefox-esr", "firefox"],
  webkitDriver: ["WebKitWebDriver"],
  xvfb: ["Xvfb"],
}

/** Where a program of this machine is, if it has it. */
export const find = (program: keyof typeof NAMES): string | undefined => onPath(...NAMES[program])

/** The small browser that comes with WebKitGTK, which is never on the path. */
export const findMiniBrowser = (): string | undefined =>
  globSync("/usr/lib/{*/,}webkit2gtk-4.*/MiniBrowser").sort().findLast(canRun)

/** Why tests in an engine are skipped on this machine; false when they can run. */
export function missing(engine: Engine): string | false {
  const isThere =
    engine === "webkit"
      ? find("webkitDriver") !== undefined && find("xvfb") !== undefined && findMiniBrowser() !== undefined
      : find(engine) !== undefined
  return !isThere && `${engine} is missing: \`npm test\` installs it on Debian, as root`
}
