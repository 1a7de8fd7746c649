import { byId, report, show } from "../page/elements.js"
import { stream } from "../page/onward/client/index.js"
import { about, call, HEADERS, withQuery } from "./api.js"
import { closeEntry, isEntryOpen, openEntry } from "./entry.js"
import { whenTyped } from "./elements.js"
import { bytes, count, timeOfDay } from "./format.js"
import { createVirtualTable } from "./virtual-table.js"

/** Most entries in the list; the oldest leave it. */
const MAX_ROWS = 2_000

const COLUMNS = [
  { name: "Time", read: ({ time }) => timeOfDay(time), className: "c-time" },
  { name: "Topic", read: ({ topic }) => topic, className: "c-name" },
  { name: "Event", read: ({ event }) => event, className: "c-event" },
  { name: "Id", read: ({ id, position }) => id ?? position, className: "c-id" },
  { name: "Bytes", read: (entry) => bytes(entry.bytes), className: "c-number c-bytes" },
  {
    name: "Payload",
    read: ({ data, isPrivate }) => (data === undefined && isPrivate ? "private" : (data ?? "").slice(0, 200)),
    className: "c-data",
  },
]

const table = createVirtualTable(byId("log-table"), {
  label: "Entries of the log, oldest first",
  columns: COLUMNS,
  onOpen: openEntry,
  ifNone: "The log keeps no entry that matches.",
})
const identify = ({ position }) => position
let entries = []
let next
let tail
let asked = 0

const LABELS = { id: "Id", after: "Position", since: "Time" }

function startOf() {
  const kind = byId("log-start").value
  const text = byId("log-at").value.trim()
  if (kind === "last") return { last: "200" }
  if (kind === "earliest") return { after: "earliest" }
  if (kind === "since")
    return {
      since: /^\d+$/.test(text)
        ? text
        : new Date(text.replace(/^(\d\d:\d\d(?::\d\d)?)$/, `${new Date().toLocaleDateString("sv")}T$1`)).toISOString(),
    }
  return { [kind]: text }
}

const filters = () => ({
  topic: byId("log-topic").value.trim(),
  event: byId("log-event").value.trim(),
  private: byId("log-private").value,
})

async function load() {
  const mine = ++asked
  endTail()
  try {
    const page = await call(withQuery("/admin/log", { ...filters(), ...startOf(), limit: "200" }))
    if (mine !== asked) return
    entries = page.entries
    showPage(page)
    if (byId("log-start").value === "last") table.scrollToEnd()
    else table.scrollToStart()
    if (page.isEnd && byId("log-live").checked) follow(page.next)
  } catch (error) {
    const text = error instanceof RangeError ? "This is not a time. Use 14:05, or 2026-12-01T14:05:00Z." : error.message
    report("log-note", text, true)
  }
}

function showPage(page) {
  next = page.next
  table.setRows(entries, { identify })
  byId("log-more").hidden = page.isEnd
  const lost = page.lost ? " Older ones were trimmed." : ""
  const more = page.isEnd ? "" : " The log has later ones."
  report("log-note", `${count(entries.length)} entries.${more}${lost}`)
}

async function loadMore() {
  const mine = asked
  try {
    const page = await call(withQuery("/admin/log", { ...filters(), after: next, limit: "200" }))
    if (mine !== asked) return
    entries = [...entries, ...page.entries].slice(-MAX_ROWS)
    showPage(page)
    if (page.isEnd && byId("log-live").checked) follow(page.next)
  } catch (error) {
    report("log-note", error.message, true)
  }
}

/** Adds what is stored from now on, in one step for all entries of a frame. */
function follow(after) {
  endTail()
  const mine = stream(withQuery("/admin/log/tail", filters()), {
    headers: HEADERS,
    lastEventId: after,
    whenHidden: "pause",
    retry: { max: 5_000 },
    onStatus({ state }) {
      if (mine === tail)
        report("log-note", `${count(entries.length)} entries, ${state === "open" ? "following" : "reconnecting"}.`)
    },
  })
  tail = mine
  const fresh = []
  let isDue = false
  const draw = () => {
    isDue = false
    if (mine !== tail) return
    const wasAtEnd = table.isAtEnd
    entries = [...entries, ...fresh.splice(0)].slice(-MAX_ROWS)
    table.setRows(entries, { identify })
    if (wasAtEnd && !isEntryOpen()) table.scrollToEnd()
    if (!skipped) report("log-note", `${count(entries.length)} entries, following.`)
  }
  let skipped = false
  async function read() {
    for await (const { event, data, id } of mine) {
      if (event === "skipped") {
        skipped = true
        report(
          "log-note",
          "More is published than can be shown: some entries are left out. Filter by topic to see all.",
        )
        continue
      }
      if (event !== "entry") continue
      fresh.push(JSON.parse(data))
      next = id
      if (isDue) continue
      isDue = true
      requestAnimationFrame(draw)
    }
  }
  read().catch((error) => {
    if (mine === tail) report("log-note", error.message, true)
  })
}

function endTail() {
  tail?.close()
  tail = undefined
}

function showStartField() {
  const label = LABELS[byId("log-start").value]
  byId("log-at-field").hidden = label === undefined
  show("log-at-label", label ?? "")
  byId("log-at").placeholder = label === "Time" ? `14:05, or ${new Date().toISOString().slice(0, 16)}Z` : ""
  byId("log-at").required = label !== undefined
}

byId("log-form").addEventListener("submit", (event) => {
  event.preventDefault()
  void load()
})
byId("log-start").addEventListener("change", () => {
  showStartField()
  if (byId("log-at-field").hidden) void load()
  else byId("log-at").focus()
})
byId("log-private").addEventListener("change", () => void load())
whenTyped("log-topic", () => void load())
whenTyped("log-event", () => void load())
byId("log-more").addEventListener("click", () => void loadMore())
byId("log-live").addEventListener("change", () => {
  if (!byId("log-live").checked) {
    endTail()
    return report("log-note", `${count(entries.length)} entries.`)
  }
  if (byId("log-more").hidden && next !== undefined) follow(next)
  else void load()
})
byId("log-detail-close").addEventListener("click", close)
byId("view-log").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isEntryOpen()) close()
})

function close() {
  closeEntry()
  table.deselect()
}

export const logView = {
  enter(parameters) {
    byId("log-private-field").hidden = !about.hasAuth
    if (parameters.has("topic")) byId("log-topic").value = parameters.get("topic")
    if (parameters.has("id")) {
      byId("log-start").value = "id"
      byId("log-at").value = parameters.get("id")
    }
    showStartField()
    void load()
  },
  leave() {
    asked++
    endTail()
    closeEntry()
  },
}
