import { ask } from "./ask.js"
import { byId, create, followEnd, report } from "./elements.js"
import { openStream } from "./stream.js"

const MAX_LINES = 200
const list = byId("log")
const scroll = followEnd(list)
const STATES = {
  connecting: "Connecting.",
  open: "Following.",
  lost: "Disconnected; reconnecting.",
  paused: "Paused.",
  failed: "Refused.",
}

/** Requests of this page, which are hidden because they would fill the list. The button's request is shown. */
const IS_OWN =
  /"(?:GET|POST|DELETE) (?!\/healthz)(?:\/demo\/|\/onward\/|\/[\w-]*\.(?:js|css|svg)[" ]|\/docs\/|\/events\?topic=demo(?:\/|%2F)|\/")/

function append(line) {
  if (IS_OWN.test(line)) return
  const item = document.createElement("li")
  // shows the time of day, the request and its status
  const [, time, request, rest] = /^\S+T(\S{8})\S* \S+ "((?:[^"\\]|\\.)*)" (.*?)(?: "[^"]*")?$/.exec(line) ?? [
    "",
    "",
    line,
    "",
  ]
  item.append(`${time} `, create("span", "request", request), ` ${rest}`)
  item.title = line
  list.append(item)
  if (list.children.length > MAX_LINES) list.firstElementChild.remove()
  scroll()
}

/** The hub's access log; `data` of each event is a line. */
export const logStream = openStream(
  "/demo/log",
  [],
  { message: ({ data }) => append(data) },
  (state) => report("log-state", STATES[state]),
  // all tabs show the same file, so they share one connection
  { shared: { channel: "log", replay: MAX_LINES } },
)

byId("knock").addEventListener("click", async () => {
  try {
    await ask("/healthz")
  } catch (error) {
    report("log-state", error.message, true)
  }
})
