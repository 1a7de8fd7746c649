import { create } from "./elements.js"

const SVG = "http://www.w3.org/2000/svg"
const SPAN = 60_000
const WIDTH = 600
const HEIGHT = 100

const shape = (name, attributes) => {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  return element
}

/**
 * Draws a curve of the last minute in `figure`. `ceiling` returns the maximum of the scale for the values, `write` formats a value.
 */
export function createChart(figure, { ceiling, write }) {
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" })
  const area = shape("path", { class: "area" })
  const curve = shape("path", { class: "curve" })
  for (const y of [0, HEIGHT / 2, HEIGHT]) svg.append(shape("path", { class: "grid", d: `M0 ${y}H${WIDTH}` }))
  svg.append(area, curve)
  const scale = create("div", "scale")
  const top = create("span", "")
  scale.append(create("span", "", "a minute ago"), top)
  figure.append(svg, scale)
  const output = figure.querySelector("output")
  let points = []

  return {
    add(at, value) {
      // drops newer points if the hub's clock was set back
      points = [...points, { at, value }].filter((point) => point.at > at - SPAN && point.at <= at)
      const max = ceiling(points.map((point) => point.value))
      const x = (point) => (WIDTH * (1 - (at - point.at) / SPAN)).toFixed(1)
      const y = (point) => (HEIGHT * (1 - Math.min(1, point.value / max))).toFixed(1)
      let line = ""
      let before
      for (const point of points) {
        // a gap where nothing was measured
        line += `${before === undefined || point.at - before > 5_000 ? "M" : "L"}${x(point)} ${y(point)}`
        before = point.at
      }
      curve.setAttribute("d", line)
      area.setAttribute(
        "d",
        line.replace(
          /M([\d.]+) [^M]*L([\d.]+) [^M]*/g,
          (part, from, to) => `${part}L${to} ${HEIGHT}L${from} ${HEIGHT}Z`,
        ),
      )
      output.textContent = write(value)
      top.textContent = `top ${write(max)}`
    },
  }
}
