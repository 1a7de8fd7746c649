import { byId, create, report, show } from "../page/elements.js"
import { stream } from "../page/onward/client/index.js"
import { about, call, HEADERS, send } from "./api.js"
import { eventItem, facts, listIn } from "./elements.js"
import { count, dateTime, duration } from "./format.js"

const MAX_EVENTS = 200
let subscription

const credential = () =>
  byId("credential")
    .value.trim()
    .replace(/^Bearer +/i, "")

/** The header by which the hub knows which credential to try. */
const tried = () => (credential() === "" ? {} : { "onward-credential": credential() })

byId("explain-form").addEventListener("submit", async (event) => {
  event.preventDefault()
  try {
    const answer = await send("/admin/explain", {
      ...(credential() !== "" && { credential: credential() }),
      publish: listIn("ask-publish"),
      subscribe: listIn("ask-subscribe"),
    })
    explain(answer)
  } catch (error) {
    setVerdict(error.message, "bad")
  }
})

function setVerdict(text, tone) {
  const verdict = byId("verdict")
  verdict.textContent = text
  verdict.dataset.tone = tone
}

const KINDS = { token: "The token", key: "The key", none: "A client without a credential" }

function explain(answer) {
  if (!answer.hasAuth) {
    for (const id of ["decisions", "sources", "grants"]) byId(id).replaceChildren()
    byId("token-parts").hidden = true
    return setVerdict("This hub has no authentication: every client may do everything.", "good")
  }
  const { kind, isAccepted, reason, name, userId, isAdmin, expiresAt, grants, decisions, sources, header, claims } =
    answer
  if (isAccepted) setVerdict(`${KINDS[kind]} is accepted: ${name}${isAdmin ? ", with admin" : ""}.`, "good")
  else setVerdict(`${KINDS[kind]} is refused: ${reason}.`, "bad")
  byId("decisions").replaceChildren(
    ...decisions.map((decision) => {
      const item = create("li", decision.isGranted ? "granted" : "denied")
      item.append(
        create("strong", "", decision.isGranted ? "May" : "May not"),
        ` ${decision.action} to `,
        create("code", "", decision.topic),
        `: ${decision.why}.`,
      )
      return item
    }),
  )
  byId("sources").replaceChildren(...sources.map((source) => create("li", "", source)))
  facts(
    "grants",
    isAccepted
      ? [
          ["User", userId ?? "–"],
          ["Expires", expiresAt === null ? "never" : `${dateTime(expiresAt)}, in ${duration(expiresAt - Date.now())}`],
          ["May subscribe", listed(grants.subscribe)],
          ["May publish", listed(grants.publish)],
        ]
      : [],
  )
  byId("token-parts").hidden = header === undefined
  if (header === undefined) return
  show("token-header", JSON.stringify(header, null, 2))
  show("token-claims", JSON.stringify(readable(claims), null, 2))
}

/** Times of claims are seconds since 1970 (RFC 7519, NumericDate): shows them as times too. */
function readable(claims) {
  const shown = { ...claims }
  for (const name of ["exp", "nbf", "iat"]) {
    if (typeof shown[name] === "number") shown[name] = `${shown[name]} (${new Date(shown[name] * 1_000).toISOString()})`
  }
  return shown
}

const listed = (grants) => (grants.length === 0 ? "nothing" : grants.join(", "))

byId("try-subscribe").addEventListener("submit", (event) => {
  event.preventDefault()
  if (subscription) return endSubscription("Closed.")
  const topics = listIn("try-topics").map((topic) => ["topic", topic])
  const last = byId("try-last").value
  const query = new URLSearchParams([...topics, ...(Number(last) > 0 ? [["last", last]] : [])])
  void subscribe(`/admin/try/events?${query}`)
})

async function subscribe(path) {
  const list = byId("try-events")
  list.replaceChildren()
  byId("try-open").textContent = "Close"
  let received = 0
  const refusal = {}
  const mine = stream(path, {
    headers: { ...HEADERS, ...tried() },
    fetch: keeping(refusal),
    onStatus({ state }) {
      if (mine === subscription && state === "open") report("try-state", `Open, ${count(received)} events.`)
      if (mine === subscription && state === "reconnecting") report("try-state", "Reconnecting.")
    },
  })
  subscription = mine
  try {
    for await (const { event, id, data } of mine) {
      received++
      list.prepend(eventItem({ event, id, data }))
      if (list.children.length > MAX_EVENTS) list.lastElementChild.remove()
      report("try-state", `Open, ${count(received)} events.`)
    }
    if (mine === subscription) endSubscription("The hub ended the stream.")
  } catch (error) {
    if (mine === subscription) endSubscription(refusal.text ?? error.message, true)
  }
}

/** Fetches, and keeps why the hub refuses a stream, which is in the body of its response. */
function keeping(refusal) {
  return async (...request) => {
    const response = await fetch(...request)
    if (response.status >= 400) refusal.text = (await response.clone().json()).error?.message
    return response
  }
}

function endSubscription(text, isBad = false) {
  subscription?.close()
  subscription = undefined
  byId("try-open").textContent = "Subscribe"
  report("try-state", text, isBad)
}

byId("try-publish").addEventListener("submit", async (event) => {
  event.preventDefault()
  const body = new URLSearchParams({ topic: byId("publish-topic").value, data: byId("publish-data").value })
  if (byId("publish-event").value !== "") body.set("event", byId("publish-event").value)
  try {
    const { id, repeated } = await call("/admin/try/publish", { method: "POST", body, headers: tried() })
    report("publish-result", repeated ? `Not stored: its topic already has it, as ${id}.` : `Stored with the id ${id}.`)
  } catch (error) {
    report("publish-result", error.message, true)
  }
})

export const tryView = {
  enter(parameters) {
    if (parameters.has("topic")) byId("try-topics").value = parameters.get("topic")
    byId("explain-form").classList.toggle("open-hub", !about.hasAuth)
  },
  leave() {
    if (subscription) endSubscription("Closed, because another view was opened.")
  },
}
