import { post } from "./ask.js"
import { byId, create, report, show } from "./elements.js"
import { tab } from "./stream.js"

const GIVE_UP_MS = 15_000
const EVENTS = 100
const cells = Array.from({ length: EVENTS }, () => create("span", ""))
byId("proof-cells").append(...cells)
const button = byId("cut")

/** The state of the current cut. */
let cut

/** Called with each event of the page's main stream. */
export function noteEvent(event) {
  if (!cut) return
  if (cut.backAt !== undefined && cut.after === undefined) {
    cut.after = event.id
    show("proof-after", event.id)
  }
  if (event.event === "count") cut.numbers.push(event.json().n)
  judge()
}

/** Called when the main stream is lost and when it is open again. */
export function noteState(state) {
  if (!cut) return
  if (state === "lost") cut.lostAt ??= performance.now()
  if (state !== "open" || cut.lostAt === undefined || cut.backAt !== undefined) return
  cut.backAt = performance.now()
  show("proof-time", `${((cut.backAt - cut.lostAt) / 1_000).toFixed(2)} s`)
}

/** Shows how many numbers are missing or were received twice, once the last one has arrived or the timeout has passed. */
function judge(isLate = false) {
  if (!cut?.published) return
  const { first, last } = cut.published
  const mine = cut.numbers.filter((n) => n >= first && n <= last)
  const here = new Set(mine)
  const twice = mine.length - here.size
  for (const n of here) cells[n - first]?.classList.add("here")
  if (!isLate && !mine.includes(last)) return
  const missing = last - first + 1 - here.size
  show("proof-missing", missing)
  show("proof-twice", twice)
  finish(
    missing + twice === 0
      ? "Resumed: every event arrived exactly once."
      : "Some events are missing or were received twice.",
    missing + twice > 0,
  )
}

function finish(text, isBad) {
  clearTimeout(cut?.timer)
  cut = undefined
  button.disabled = false
  report("proof-result", text, isBad)
}

/** Makes the button cut `stream`. */
export function setUpCut(stream) {
  const onClick = async () => {
    button.disabled = true
    cut = { numbers: [], timer: setTimeout(() => judge(true), GIVE_UP_MS) }
    for (const cell of cells) cell.className = ""
    for (const id of ["after", "time", "published", "missing", "twice"]) show(`proof-${id}`, "–")
    show("proof-before", stream.lastEventId || "none yet")
    report("proof-result", "Disconnected.")
    try {
      const published = await post(`/demo/cut?tab=${tab}`)
      show("proof-published", published.last - published.first + 1)
      cut.published = published
      judge()
    } catch (error) {
      finish(error.message, true)
    }
  }
  button.addEventListener("click", onClick)
}
