import { createChart } from "./chart.js"
import { byId, show } from "./elements.js"

const percent = (value) => `${Math.round(value * 100)} %`
const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`

const charts = {
  cpu: createChart(byId("chart-cpu"), { ceiling: () => 1, write: percent }),
  memory: createChart(byId("chart-memory"), { ceiling: () => 1, write: percent }),
  delay: createChart(byId("chart-delay"), {
    ceiling: (values) => [10, 20, 50, 100, 200, 500].find((each) => each >= Math.max(...values)) ?? 1_000,
    write: milliseconds,
  }),
}

/** Draws one sample. */
export function drawSample(sample) {
  for (const [name, chart] of Object.entries(charts)) chart.add(sample.at, sample[name])
  show("machine-note", `Load ${sample.load.toFixed(2)} per processor · sample ${sample.n}`)
}
