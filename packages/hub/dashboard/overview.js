import { createChart } from "../page/chart.js"
import { byId, create, report, show } from "../page/elements.js"
import { call } from "./api.js"
import { bars, facts, repeat } from "./elements.js"
import { feed } from "./feed.js"
import { ago, bytes, count, duration, rate, share } from "./format.js"

const SPAN_MS = 15 * 60_000
const WEBHOOKS_MS = 3_000
const FLOOR = 5
const ceilingOf = (least) => (values) => nice(Math.max(least, ...values))
const write = { count, rate, lag: (ms) => duration(ms) }

/** The next of 1, 2, 5, 10, … from a value on. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value)
}

const OPTIONS = { span: SPAN_MS, gap: 12_000, start: "15 minutes ago" }
const chart = (name, least, writer) =>
  createChart(byId(`tile-${name}`), { ...OPTIONS, ceiling: ceilingOf(least), write: writer })
const charts = {
  streams: chart("streams", FLOOR, write.count),
  published: chart("published", FLOOR, write.rate),
  delivered: chart("delivered", FLOOR, write.rate),
  lag: chart("lag", 1, write.lag),
  behind: chart("behind", FLOOR, write.count),
  refused: chart("refused", 1, write.rate),
}

/** How each chart reads a point of the history. */
const VALUES = {
  streams: ({ live, reading, full }) => live + reading + full,
  published: ({ published }, every) => perSecond(published, every),
  delivered: ({ delivered }, every) => perSecond(delivered, every),
  lag: ({ p99 }) => p99,
  behind: ({ reading, full }) => reading + full,
  refused: ({ refused }, every) => perSecond(refused, every),
}
const perSecond = (value, every) => (value * 1_000) / every

let every = 5_000
let points = []
let before
let stop = () => {}
let stopWebhooks = () => {}

function addPoint(point) {
  if (!point) return
  points = [...points.filter(({ at }) => at !== point.at), point].filter(({ at }) => at > point.at - SPAN_MS)
}

function drawCharts() {
  for (const [name, read] of Object.entries(VALUES)) {
    charts[name].show(points.map((point) => ({ at: point.at, value: read(point, every) })))
  }
}

const setFigure = (name, text, note) => {
  byId(`tile-${name}`).querySelector("output").textContent = text
  show(`tile-${name}-note`, note)
}

const sum = (workers, read) => workers.reduce((total, worker) => total + read(worker), 0)

/** The sum of tallies, largest first. */
function tally(workers, name) {
  const all = new Map()
  for (const worker of workers) {
    for (const [key, value] of Object.entries(worker[name])) all.set(key, (all.get(key) ?? 0) + value)
  }
  return [...all].sort((a, b) => b[1] - a[1])
}

/** What happened in each worker since the last second, by the time between both measurements. */
function ratesOf(stats) {
  const seconds = before ? Math.max(0.5, (stats.at - before.at) / 1_000) : undefined
  const rates = new Map()
  for (const { pid, counts } of stats.workers) {
    const old = before?.workers.find((worker) => worker.pid === pid)?.counts
    const of = (name) => (old && seconds ? Math.max(0, counts[name] - old[name]) / seconds : 0)
    rates.set(pid, {
      published: of("published"),
      delivered: of("delivered"),
      refused: of("refused"),
      sentBytes: of("sentBytes"),
    })
  }
  return rates
}

function showStats(stats) {
  const { workers, log, point } = stats
  const rates = ratesOf(stats)
  const rateOf = (name) => [...rates.values()].reduce((total, each) => total + each[name], 0)
  before = stats
  if (point && points.at(-1)?.at !== point.at) {
    addPoint(point)
    drawCharts()
  } else addPoint(point)
  const total = (name) => sum(workers, ({ streams }) => streams[name])
  const behind = total("reading") + total("full")
  const worst = Math.max(0, ...workers.map(({ streams }) => streams.lag))
  setFigure("streams", count(total("connections")), `${count(total("live"))} live, on ${count(total("topics"))} topics`)
  setFigure(
    "published",
    rate(rateOf("published")),
    `${count(sum(workers, ({ counts }) => counts.published))} since the start`,
  )
  setFigure("delivered", rate(rateOf("delivered")), `${bytes(rateOf("sentBytes"))} a second`)
  const newest = points.at(-1)
  const hasLag = newest?.p99 !== null && newest?.p99 !== undefined
  setFigure(
    "lag",
    hasLag ? duration(newest.p99) : "–",
    hasLag ? `p50 ${duration(newest.p50)}` : "no deliveries in the last 5 s",
  )
  setFigure(
    "behind",
    count(behind),
    behind === 0 ? "every stream is live" : `${count(total("full"))} do not read, furthest ${count(worst)} entries`,
  )
  setFigure(
    "refused",
    rate(rateOf("refused")),
    `${count(sum(workers, ({ counts }) => counts.refused))} since the start`,
  )
  report("overview-note", log.isUp ? "" : "The log does not answer. Publishing fails until it does.", true)
  byId("overview-note").hidden = log.isUp
  facts("log-size", [
    ["State", log.isUp ? "up" : "does not answer"],
    ["Entries", log.isUp ? count(log.entries) : "–"],
    ["Oldest entry", log.oldestAt === undefined ? "–" : ago(log.oldestAt)],
    ["Size in the store", log.bytes === undefined ? "unknown" : bytes(log.bytes)],
    ["In memory", `${count(sum(workers, ({ streams }) => streams.window.entries))} entries for reconnects`],
  ])
  showLabels(workers)
  bars("resumed", tally(workers, "resumed"), "No stream has started yet.")
  bars("closed", tally(workers, "closed"), "No stream has ended yet.")
  bars("refused", tally(workers, "refused"), "Nothing was refused.")
  showWorkers(workers, rates)
}

function showLabels(workers) {
  const labels = new Map()
  for (const { streams } of workers) {
    for (const [label, { live, reading, full }] of Object.entries(streams.labels ?? {})) {
      const known = labels.get(label) ?? { live: 0, reading: 0, full: 0 }
      labels.set(label, { live: known.live + live, reading: known.reading + reading, full: known.full + full })
    }
  }
  const table = create("table", "plain")
  const head = create("tr", "")
  for (const name of ["API", "Live", "Reading", "Full"]) head.append(header(name))
  table.append(head)
  for (const [label, states] of labels) {
    const row = create("tr", "")
    row.append(
      header(label, "row"),
      ...["live", "reading", "full"].map((state) => create("td", "", count(states[state]))),
    )
    table.append(row)
  }
  byId("labels").replaceChildren(labels.size > 0 ? table : create("p", "note", "No stream is open."))
}

function header(text, scope = "col") {
  const cell = create("th", "", text)
  cell.scope = scope
  return cell
}

function showWorkers(workers, rates) {
  const rows = workers.map(({ worker, pid, uptime, memory, busy, streams }) => {
    const { published, delivered } = rates.get(pid)
    const row = create("tr", "")
    const cells = [
      pid,
      duration(uptime),
      count(streams.connections),
      count(streams.connections - streams.live),
      rate(published),
      rate(delivered),
      share(busy),
      bytes(memory),
    ]
    row.append(
      header(worker === 0 ? "only" : String(worker), "row"),
      ...cells.map((text) => create("td", "", String(text))),
    )
    return row
  })
  byId("workers").tBodies[0].replaceChildren(...rows)
}

/** Why deliveries fail is what an operator looks for, so it is the state. */
function stateOf({ failing, isDelivering }) {
  if (failing) return `fails since ${ago(failing.since)}, ${count(failing.attempts)} times: ${failing.reason}`
  return isDelivering ? "delivers" : "another hub delivers"
}

async function showWebhooks() {
  const { webhooks } = await call("/admin/webhooks").catch(() => ({ webhooks: [] }))
  byId("webhooks-card").hidden = webhooks.length === 0
  const rows = webhooks.map((webhook) => {
    const { name, waiting, outcomes, deliveredAt, failing } = webhook
    const { delivered, dropped, ...failed } = outcomes
    const failures = Object.values(failed).reduce((total, each) => total + each, 0)
    const numbers = [waiting, delivered, failures, dropped].map(count)
    const row = create("tr", "")
    row.append(
      header(name, "row"),
      create("td", failing ? "text bad" : "text", stateOf(webhook)),
      ...[...numbers, deliveredAt === undefined ? "–" : ago(deliveredAt)].map((text) => create("td", "", text)),
    )
    return row
  })
  byId("webhooks").tBodies[0].replaceChildren(...rows)
}

export const overview = {
  enter() {
    stopWebhooks = repeat(WEBHOOKS_MS, showWebhooks)
    stop = feed.subscribe((event, value) => {
      if (event === "stats") return showStats(value)
      every = value.every
      points = value.points
      drawCharts()
    })
  },
  leave() {
    stop()
    stopWebhooks()
  },
}
