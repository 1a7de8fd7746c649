import { create } from "../page/elements.js"

const ROW_PX = 36
/** Rows above and below the visible ones. */
const MARGIN = 8

/**
 * A table of any number of rows, of which only the visible ones are elements. `columns` are `{ name, read(row) → text, className? }`.
 * `onOpen(row)` is called for a click, and for Enter. `onWant(first, last)` is called when rows come into view that `setRows` has not given.
 *
 * Keys, as in a grid (www.w3.org/WAI/ARIA/apg/patterns/grid): arrows, Page Up and Down, Home and End move, Enter opens.
 */
export function createVirtualTable(container, { label, columns, onOpen, onWant = () => {}, ifNone }) {
  container.setAttribute("role", "grid")
  container.setAttribute("aria-label", label)
  container.setAttribute("aria-readonly", "true")
  container.tabIndex = 0
  const head = create("div", "vt-row vt-head")
  head.setAttribute("role", "row")
  for (const { name, className = "" } of columns) {
    const cell = create("span", className, name)
    cell.setAttribute("role", "columnheader")
    head.append(cell)
  }
  const body = create("div", "vt-body")
  const empty = create("p", "note vt-empty", ifNone)
  container.append(head, body, empty)
  /** Elements of rows, by the index modulo their number. */
  const pool = []
  let rows = []
  let first = 0
  let total = 0
  let active = 0
  let selected
  let idOf = (row) => row.id
  let isDue = false
  let wanted = ""

  function elementAt(slot) {
    while (pool.length <= slot) {
      const element = create("div", "vt-row")
      element.setAttribute("role", "row")
      element.id = `${container.id}-row-${pool.length}`
      for (const { className = "" } of columns) {
        const cell = create("span", className)
        cell.setAttribute("role", "gridcell")
        element.append(cell)
      }
      element.addEventListener("click", () => {
        active = element.index
        openActive()
        render()
      })
      body.append(element)
      pool.push(element)
    }
    return pool[slot]
  }

  const rowAt = (index) => rows[index - first]

  function fill(element, index) {
    const row = rowAt(index)
    if (element.index !== index) {
      element.index = index
      element.style.transform = `translateY(${index * ROW_PX}px)`
      element.setAttribute("aria-rowindex", String(index + 2))
      element.hidden = false
    }
    const cells = element.children
    for (let i = 0; i < columns.length; i++) {
      const text = row ? columns[i].read(row) : i === 0 ? "…" : ""
      // writing a text that has not changed would cost a layout
      if (cells[i].shown !== text) {
        cells[i].shown = text
        cells[i].textContent = text
        cells[i].title = text
      }
    }
    const isSelected = row !== undefined && selected !== undefined && idOf(row) === selected
    if (element.isSelected !== isSelected) {
      element.isSelected = isSelected
      element.setAttribute("aria-selected", String(isSelected))
    }
    element.classList.toggle("active", index === active)
    if (row?.tone !== element.dataset.tone) element.dataset.tone = row?.tone ?? ""
  }

  function render() {
    isDue = false
    const { scrollTop, clientHeight } = container
    if (clientHeight === 0) return
    const from = Math.max(0, Math.floor(scrollTop / ROW_PX) - MARGIN)
    const to = Math.min(total, Math.ceil((scrollTop + clientHeight) / ROW_PX) + MARGIN)
    const size = Math.ceil(clientHeight / ROW_PX) + 2 * MARGIN + 1
    const used = new Set()
    for (let index = from; index < to; index++) {
      const slot = index % size
      used.add(slot)
      fill(elementAt(slot), index)
    }
    for (const [slot, element] of pool.entries()) {
      if (used.has(slot) || element.hidden) continue
      element.hidden = true
      element.index = undefined
    }
    const activeElement = pool.find((element) => !element.hidden && element.index === active)
    if (activeElement) container.setAttribute("aria-activedescendant", activeElement.id)
    else container.removeAttribute("aria-activedescendant")
    const range = `${from} ${to}`
    const isMissing = to > from && (from < first || to > first + rows.length)
    if (isMissing && wanted !== range) {
      wanted = range
      onWant(from, to)
    }
  }

  function schedule() {
    if (isDue) return
    isDue = true
    requestAnimationFrame(render)
  }

  function openActive() {
    const row = rowAt(active)
    if (!row) return
    selected = idOf(row)
    onOpen(row)
  }

  function moveTo(index) {
    active = Math.min(total - 1, Math.max(0, index))
    const top = active * ROW_PX
    const room = container.clientHeight - head.offsetHeight
    if (top < container.scrollTop) container.scrollTop = top
    else if (top + ROW_PX > container.scrollTop + room) container.scrollTop = top + ROW_PX - room
    schedule()
  }

  container.addEventListener("scroll", schedule, { passive: true })
  container.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const page = Math.max(1, Math.floor(container.clientHeight / ROW_PX) - 2)
    const moves = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: total - 1,
    }
    if (event.key === "Enter" || event.key === " ") openActive()
    else if (event.key in moves) moveTo(moves[event.key])
    else return
    event.preventDefault()
    schedule()
  })
  new ResizeObserver(schedule).observe(container)

  return {
    /** Shows rows; `from` is the index of the first one among `all`. `identify(row)` tells rows apart. */
    setRows(given, { from = 0, all = given.length, identify = idOf } = {}) {
      rows = given
      first = from
      idOf = identify
      wanted = ""
      if (total !== all) {
        total = all
        body.style.blockSize = `${total * ROW_PX}px`
        container.setAttribute("aria-rowcount", String(total + 1))
        active = Math.min(active, Math.max(0, total - 1))
      }
      empty.hidden = total > 0
      render()
    },
    /** The indexes that are visible, with a margin. */
    get range() {
      const from = Math.max(0, Math.floor(container.scrollTop / ROW_PX) - MARGIN)
      return { from, to: from + Math.ceil(container.clientHeight / ROW_PX) + 2 * MARGIN }
    },
    get isAtEnd() {
      return container.scrollTop + container.clientHeight >= total * ROW_PX - ROW_PX
    },
    scrollToEnd() {
      container.scrollTop = container.scrollHeight
    },
    scrollToStart() {
      container.scrollTop = 0
      active = 0
    },
    /** Marks no row any longer, and moves the focus back to the table. */
    deselect() {
      selected = undefined
      schedule()
      container.focus({ preventScroll: true })
    },
  }
}
