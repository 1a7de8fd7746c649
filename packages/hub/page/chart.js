import { create } from "./elements.js"

const SVG = "http://www.w3.org/2000/svg"
const WIDTH = 600
const HEIGHT = 100

const shape = (name, attributes) => {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  return element
}

/**
 * Draws a curve of the newest `span` ms in `figure`. `ceiling` returns the maximum of the scale for the values, `write` formats a value. Points
 * that are more than `gap` ms apart are not connected.
 */
export function createChart(figure, { ceiling, write, span = 60_000, gap = 5_000, start = "a minute ago" }) {
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" })
  const area = shape("path", { class: "area" })
  const curve = shape("path", { class: "curve" })
  for (const y of [0, HEIGHT / 2, HEIGHT]) svg.append(shape("path", { class: "grid", d: `M0 ${y}H${WIDTH}` }))
  svg.append(area, curve)
  const scale = create("div", "scale")
  const top = create("span", "")
  scale.append(create("span", "", start), top)
  figure.append(svg, scale)
  const output = figure.querySelector("output")
  let points = []

  function draw(at) {
    const max = ceiling(points.map((point) => point.value))
    const x = (point) => (WIDTH * (1 - (at - point.at) / span)).toFixed(1)
    const y = (point) => (HEIGHT * (1 - Math.min(1, point.value / max))).toFixed(1)
    let line = ""
    let before
    for (const point of points) {
      const isApart = before === undefined || point.at - before > gap
      // a gap where nothing was measured; a point alone is a dot
      line += isApart ? `M${x(point)} ${y(point)}h0` : `L${x(point)} ${y(point)}`
      before = point.at
    }
    curve.setAttribute("d", line)
    area.setAttribute(
      "d",
      line.replace(/M([\d.]+) [^M]*L([\d.]+) [^M]*/g, (part, from, to) => `${part}L${to} ${HEIGHT}L${from} ${HEIGHT}Z`),
    )
    top.textContent = `top ${write(max)}`
  }

  return {
    add(at, value) {
      // drops newer points if the hub's clock was set back
      points = [...points, { at, value }].filter((point) => point.at > at - span && point.at <= at)
      draw(at)
      output.textContent = write(value)
    },
    /** Replaces all points, `{ at, value }`, oldest first. Those without a value are left out. */
    show(all) {
      points = all.filter(({ value }) => value !== null && value !== undefined)
      const newest = all.at(-1)?.at
      if (newest !== undefined) draw(newest)
    },
  }
}
