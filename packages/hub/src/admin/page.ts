import type { ServerResponse } from "node:http"
import { createFiles, DASHBOARD_HEADERS } from "../files.ts"
import { sendLibrary } from "../library.ts"

/** Files of the demo page that the dashboard uses too. The rest of that page is not served on the admin port. */
const SHARED = new Set(["style.css", "chart.css", "icon.svg", "ask.js", "chart.js", "elements.js"])

/** The files of the dashboard. They hold no secrets, so they are sent before the sign-in. */
export interface DashboardPage {
  /** Sends the file at a path. False if it does not exist. */
  sendFile(res: ServerResponse, path: string): Promise<boolean>
}

/** Serves the dashboard at `/admin/ui/`, and at `/admin/page/` what it shares with the demo page: the same paths as in the package. */
export function createPage(): DashboardPage {
  const own = createFiles(new URL("../../dashboard/", import.meta.url), DASHBOARD_HEADERS)
  const shared = createFiles(new URL("../../page/", import.meta.url), DASHBOARD_HEADERS)
  return {
    async sendFile(res, path) {
      const [, folder, rest = ""] = /^\/admin\/(ui|page)\/(.*)$/.exec(path) ?? []
      if (folder === "page" && rest.startsWith("onward/")) return sendLibrary(res, `/${rest}`)
      const name = folder === "ui" && rest === "" ? "index.html" : rest
      const files = folder === "ui" ? own : shared
      if (folder === undefined || !files.has(name) || (folder === "page" && !SHARED.has(name))) return false
      await files.send(res, name)
      return true
    },
  }
}
