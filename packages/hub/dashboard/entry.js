import { byId, report, show } from "../page/elements.js"
import { stream } from "../page/onward/client/index.js"
import { encode } from "../page/onward/protocol/index.js"
import { about, call, HEADERS, withQuery } from "./api.js"
import { eventItem, facts, showPane } from "./elements.js"
import { bytes, count, dateTime } from "./format.js"

/** Most replayed events in the list. */
const MAX_EVENTS = 500
let opened
let replay

export const isEntryOpen = () => opened !== undefined

/** Shows one entry: its fields, the frame that clients receive, and its payload decoded. */
export function openEntry(entry) {
  endReplay()
  opened = entry
  showPane("log", true)
  byId("log-command").hidden = true
  report("log-result", "")
  show("log-detail-title", `${entry.event} on ${entry.topic}`)
  const { id, position, topic, also = [], event, time, retry, idempotencyKey } = entry
  facts("log-facts", [
    [also.length > 0 ? "Topics" : "Topic", [topic, ...also].join(", ")],
    ["Event", event],
    ["Id for clients", id ?? position],
    ["Position", position],
    ["Stored", dateTime(time)],
    ["Payload", bytes(entry.bytes)],
    ...(retry === undefined ? [] : [["Retry", `${count(retry)} ms`]]),
    ...(idempotencyKey === undefined ? [] : [["Idempotency key", idempotencyKey]]),
  ])
  showPayload(entry)
  // what the list shows can be the beginning only
  if (entry.isCut) void reveal()
  byId("log-detail-title").focus()
}

function showPayload({ data, isPrivate, event, id, position, retry }) {
  const isHidden = data === undefined && isPrivate
  byId("log-hidden").hidden = !isHidden
  for (const pane of [byId("log-frame"), byId("log-decoded")]) pane.classList.toggle("hidden-payload", isHidden)
  if (isHidden) {
    show("log-frame", "")
    show("log-decoded", "")
    return
  }
  show(
    "log-frame",
    encode({ ...(event !== "message" && { event }), ...(retry !== undefined && { retry }), id: id ?? position, data }),
  )
  const json = decode(data)
  show("log-decoded-title", json === undefined ? "Text" : "JSON")
  show("log-decoded", json ?? data)
}

function decode(data) {
  try {
    return JSON.stringify(JSON.parse(data), null, 2)
  } catch {
    return undefined
  }
}

async function reveal() {
  const { position } = opened
  try {
    const entry = await call(withQuery("/admin/log/entry", { position }))
    if (opened?.position !== position) return
    opened = entry
    showPayload(entry)
  } catch (error) {
    report("log-result", error.message, true)
  }
}

export function closeEntry() {
  endReplay()
  opened = undefined
  showPane("log", false)
}

/** A topic as one argument of a shell. */
const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** The position before an entry's: a client that resumes after it receives the entry first. */
function positionBefore(position) {
  const [epoch, digits] = position.split("~")
  const before = (Number.parseInt(digits.slice(1), 36) - 1).toString(36)
  return `${epoch}~${before.length.toString(36)}${before}`
}

function curlOf({ topic, position }) {
  const query = new URLSearchParams([
    ["topic", topic],
    ["last_event_id", positionBefore(position)],
  ])
  const token = about.hasAuth ? `-H "Authorization: Bearer $TOKEN" ` : ""
  return `curl -N ${token}${quoted(`${about.url}/events?${query}`)}`
}

byId("log-curl").addEventListener("click", async () => {
  const command = curlOf(opened)
  show("log-command", command)
  byId("log-command").hidden = false
  try {
    await navigator.clipboard.writeText(command)
    report("log-result", "Copied.")
  } catch {
    // without HTTPS, loopback or permission there is no clipboard
    getSelection().selectAllChildren(byId("log-command"))
    report("log-result", "Selected. Copy it with the keyboard.")
  }
})

/** Opens a stream of the topic that begins with the entry, as a client that missed it would. */
async function startReplay() {
  const { topic, position } = opened
  const list = byId("log-replayed")
  list.replaceChildren()
  list.hidden = false
  byId("log-replay").textContent = "Stop the replay"
  const mine = stream(withQuery("/admin/replay", { topic }), {
    headers: HEADERS,
    lastEventId: positionBefore(position),
  })
  replay = mine
  let received = 0
  try {
    for await (const { event, id, data } of mine) {
      received++
      list.append(eventItem({ event, id, data }))
      if (list.children.length > MAX_EVENTS) list.firstElementChild.remove()
      report("log-result", `${count(received)} events replayed, following.`)
    }
  } catch (error) {
    if (mine === replay) report("log-result", error.message, true)
  }
}

function endReplay() {
  replay?.close()
  replay = undefined
  byId("log-replay").textContent = "Replay from here"
  byId("log-replayed").hidden = true
  byId("log-replayed").replaceChildren()
}

byId("log-replay").addEventListener("click", () => {
  if (replay) endReplay()
  else void startReplay()
})
byId("log-reveal").addEventListener("click", async () => {
  await reveal()
  byId("log-frame").focus()
})
