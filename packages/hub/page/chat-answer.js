import { openRun } from "./onward/run-client/index.js"
import { text } from "./onward/runs/formats/text.js"
import { create, format } from "./elements.js"
import { tab } from "./stream.js"

const STATES = {
  connecting: "Opening",
  running: "Writing",
  reconnecting: "Disconnected, reconnecting",
  completed: "Complete",
  stopped: "Stopped. The text written until then was kept.",
  lost: "Incomplete: the hub stopped while it wrote. The text written until then was kept.",
  failed: "Incomplete.",
}

/**
 * Shows an answer while it is written, from its start to its end, across disconnects.
 *
 * @param {{ run: string, model: string | null }} turn
 * @param {() => void} onChange called when text arrives, and when the answer ends
 */
export function openAnswer({ run: id, model }, onChange) {
  const element = create("div", "answer")
  const said = create("p", "said")
  const foot = create("p", "how")
  const state = create("span", "how-state")
  const figures = create("span", "how-figures")
  foot.append(state, figures)
  element.append(create("p", "by", model ?? "Canned text, not an AI"), said, foot)

  const url = `/demo/run?${new URLSearchParams({ id, tab })}`
  const run = openRun({ url, format: text(), whenHidden: "pause", retry: { max: 5_000 }, onStatus: showStatus })
  let isOver = false

  function showStatus(status) {
    element.dataset.status = status
    const why = status === "failed" && run.error?.message
    state.textContent = why ? `Incomplete: ${why.replace(/\.?$/, ".")}` : STATES[status]
    const { resumes } = run.metrics
    figures.textContent = resumes > 0 ? `resumed ${resumes === 1 ? "once" : `${format(resumes)} times`}` : ""
  }

  async function read() {
    try {
      for await (const frame of run.frames) {
        if (typeof frame !== "string") continue
        said.append(frame)
        onChange()
      }
    } catch (error) {
      const isGone = error.status === 404 || error.status === 410
      element.dataset.status = "failed"
      state.textContent = isGone ? "This answer is no longer kept." : "This answer cannot be read."
    }
    isOver = true
    said.normalize()
    onChange()
  }

  showStatus("connecting")
  void read()
  return {
    element,
    get isOver() {
      return isOver
    },
    /** Stops the answer for all viewers. */
    stop: () => run.stop(),
  }
}
