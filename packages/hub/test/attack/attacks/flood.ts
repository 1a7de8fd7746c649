import { ask } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

/** How long one round floods, in ms. */
const FLOOD_MS = 3_000

/** A small rate, so that a busy machine can pass it too. */
const RATE = 100
/** A caller that was quiet may publish for so many seconds at once. */
const BURST_SECONDS = 2

/** Publishers that never wait, from one address. */
export const flood: Attack = {
  name: "flood",
  threats: ["S15"],
  args: ["--publish-rate", String(RATE)],
  async round(stage) {
    const { hub, count } = stage
    const before = performance.now()
    const isOver = (): boolean => stage.isOver() || performance.now() - before > FLOOD_MS
    let accepted = 0
    const publisher = async (): Promise<void> => {
      while (!isOver()) {
        const { status } = await ask(hub.port, {
          path: "/publish",
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: "topic=flood&data=x",
        })
        count(`answered ${status}`)
        if (status === 200) accepted++
        if (![200, 429, 503].includes(status)) stage.fail(`a publisher that floods was answered ${status}`)
      }
    }
    await Promise.all(Array.from({ length: scaled(stage, 64) }, publisher))
    const seconds = (performance.now() - before) / 1_000
    // each request spends a unit, and a little for what it holds
    if (accepted > RATE * (seconds + BURST_SECONDS) + 1) {
      stage.fail(`${accepted} of the requests of a publisher that floods were accepted in ${seconds.toFixed(1)} s`)
    }
  },
}
