import { byId, create } from "../page/elements.js"
import { count } from "./format.js"

/** Shows names and values in a description list. A value can be an element. */
export function facts(id, pairs) {
  const list = byId(id)
  const items = pairs.map(([name, value]) => {
    const item = create("div", "")
    const text = create("dd", "")
    text.append(value)
    item.append(create("dt", "", name), text)
    return item
  })
  list.replaceChildren(...items)
}

/** Shows names with their counts and their shares of the whole. */
export function bars(id, pairs, ifNone) {
  const total = pairs.reduce((sum, [, value]) => sum + value, 0)
  const items = pairs.map(([name, value]) => {
    const item = create("li", "")
    const bar = create("span", "bar-share")
    bar.style.inlineSize = `${(100 * value) / total}%`
    item.append(create("span", "bar-name", name), create("span", "bar-count", count(value)), bar)
    return item
  })
  byId(id).replaceChildren(...(items.length > 0 ? items : [create("li", "note", ifNone)]))
}

/** An event that a stream received, as an item of a list; of large data, the beginning. */
export function eventItem({ event, id, data }) {
  const item = create("li", "")
  item.append(
    create("span", "event-name", event),
    create("code", "event-id", id),
    create("span", "event-data", data.slice(0, 500)),
  )
  return item
}

/** Calls `listener` when the user has stopped typing for a moment. */
export function whenTyped(id, listener) {
  let timer
  byId(id).addEventListener("input", () => {
    clearTimeout(timer)
    timer = setTimeout(() => listener(), 200)
  })
}

/** Calls `work` now and every `ms` until the returned function is called; never twice at once, and not while the page is hidden. */
export function repeat(ms, work) {
  let timer
  let isOver = false
  async function run() {
    if (!document.hidden) await work()
    if (!isOver) timer = setTimeout(run, ms)
  }
  void run()
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}

/** The texts between commas. */
export const listIn = (id) =>
  byId(id)
    .value.split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "")

/** Shows or hides the pane beside the table of a view. A class, because `:has()` would be matched again at each change of the table. */
export function showPane(name, isShown) {
  const pane = byId(`${name}-detail`)
  pane.hidden = !isShown
  pane.parentElement.classList.toggle("with-detail", isShown)
}
