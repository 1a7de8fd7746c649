import { byId, report, show } from "../page/elements.js"
import { about, call, send, whenSignedOut } from "./api.js"
import { feed } from "./feed.js"
import { logView } from "./log.js"
import { overview } from "./overview.js"
import { streamsView } from "./streams.js"
import { topicsView } from "./topics.js"
import { tryView } from "./try.js"

/** Each view: `enter` is called when it is shown, with the parameters of the address; `leave` when it is hidden. */
const VIEWS = { overview, streams: streamsView, topics: topicsView, log: logView, try: tryView }
let current

/** `#/log?topic=news` → the view `log` with its parameters. */
function readAddress() {
  const [, name = "", query = ""] = /^#\/([a-z]+)\??(.*)$/.exec(location.hash) ?? []
  return { name: name in VIEWS ? name : "overview", parameters: new URLSearchParams(query) }
}

function route({ isFirst = false } = {}) {
  const { name, parameters } = readAddress()
  const isSame = current === name
  if (current !== undefined) {
    VIEWS[current].leave()
    byId(`view-${current}`).hidden = true
  }
  current = name
  byId(`view-${name}`).hidden = false
  for (const link of byId("views").children) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page")
    else link.removeAttribute("aria-current")
  }
  const title = byId(`title-${name}`)
  document.title = `${title.textContent} · Onward dashboard`
  VIEWS[name].enter(parameters)
  if (!isFirst && !isSame) {
    title.focus({ preventScroll: true })
    scrollTo(0, 0)
  }
}

function onAddress() {
  // the link that skips to the content is no view
  if (location.hash === "" || location.hash.startsWith("#/")) route()
}

async function open({ name, mode }) {
  byId("sign-in").hidden = true
  byId("views").hidden = false
  byId("who").hidden = false
  byId("sign-out").hidden = mode === "open"
  show("who-name", mode === "open" ? "no sign-in: this machine only" : name)
  Object.assign(about, await call("/admin/about"))
  feed.start()
  addEventListener("hashchange", onAddress)
  route({ isFirst: true })
}

/** Shows the sign-in, and nothing else. */
function close(message, canSignIn = true) {
  removeEventListener("hashchange", onAddress)
  feed.stop()
  if (current !== undefined) {
    VIEWS[current].leave()
    byId(`view-${current}`).hidden = true
    current = undefined
  }
  for (const id of ["views", "who"]) byId(id).hidden = true
  byId("sign-in").hidden = false
  byId("sign-in-form").hidden = !canSignIn
  byId("sign-in-about").hidden = !canSignIn
  report("sign-in-result", message, message !== "")
  if (canSignIn) byId("key").focus()
}

const CLOSED =
  "The dashboard is closed. On a hub with authentication, or whose admin port other machines reach, it needs a key with admin: true in auth.keys."
const NO_COOKIE =
  "This browser does not keep the cookie of the session. It does on HTTPS and, without HTTPS, at 127.0.0.1 and localhost: use one of them, or ssh -L."

async function begin() {
  try {
    const session = await call("/admin/session")
    if (session.isSignedIn) await open(session)
    else close(session.mode === "closed" ? CLOSED : "", session.mode !== "closed")
  } catch (error) {
    close(error.message)
  }
}

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault()
  const field = byId("key")
  try {
    await send("/admin/session", { key: field.value.trim() })
    field.value = ""
    // asks again, because the browser decides whether it keeps the cookie
    const session = await call("/admin/session")
    if (session.isSignedIn) await open(session)
    else report("sign-in-result", NO_COOKIE, true)
  } catch (error) {
    report("sign-in-result", error.message, true)
  }
})

byId("sign-out").addEventListener("click", async () => {
  try {
    await call("/admin/session", { method: "DELETE" })
    close("")
  } catch (error) {
    show("feed-text", error.message)
  }
})

whenSignedOut(() => close("The session is over. Sign in again."))
await begin()
