const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1, notation: "compact" })
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 })
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" })
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" })

/** A count: exact below 100,000, then in thousands and millions. */
export const count = (value) => (Math.abs(value) < 100_000 ? whole : short).format(value)

/** A rate per second. */
export const rate = (value) => (value === 0 ? "0" : value < 10 ? fine.format(value) : count(value))

export const share = (value) => percent.format(value)

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"]

export function bytes(value) {
  const power = Math.min(UNITS.length - 1, value < 1 ? 0 : Math.floor(Math.log2(value) / 10))
  const scaled = value / 1024 ** power
  return `${power === 0 || scaled >= 100 ? whole.format(scaled) : fine.format(scaled)} ${UNITS[power]}`
}

const STEPS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
]

/** A duration in ms, in its two largest units. */
export function duration(ms) {
  if (ms < 1_000) return `${ms < 10 ? fine.format(Math.max(0, ms)) : whole.format(ms)} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  const at = STEPS.findIndex(([unit]) => ms >= unit)
  const [unit, name] = STEPS[at]
  const next = STEPS[at + 1]
  const rest = next ? Math.floor((ms % unit) / next[0]) : 0
  return `${Math.floor(ms / unit)} ${name}${rest > 0 ? ` ${rest} ${next[1]}` : ""}`
}

/** How long ago a time was. */
export const ago = (time) => (Date.now() - time < 1_500 ? "now" : `${duration(Date.now() - time)} ago`)

export const timeOfDay = (time) => clock.format(time)

export const dateTime = (time) => full.format(time)
