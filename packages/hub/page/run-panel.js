import { ask, post } from "./ask.js"
import { byId, followEnd, format, report, show } from "./elements.js"
import { createSequence } from "./sequence.js"
import { openStream } from "./stream.js"

const KEPT = "onward-run"
const form = byId("run")
const written = byId("written")
const scroll = followEnd(written)
let stream

/** Shows a run from its beginning, or on from where it was cut, to its end. */
function follow(id) {
  stream?.close()
  written.textContent = ""
  const sequence = createSequence()
  sessionStorage.setItem(KEPT, id)
  const finish = (text, isBad) => {
    stream.close()
    report("run-state", text, isBad)
  }
  stream = openStream(
    "/demo/run",
    [["id", id]],
    {
      token(event) {
        const { n, text } = event.json()
        sequence.take(n)
        written.append(text)
        scroll()
      },
      done(event) {
        const { error } = event.json()
        const counts = `${format(sequence.received)} pieces, ${sequence.missing} missing, ${sequence.twice} twice.`
        finish(error ? `${error.message} (${error.code}) ${counts}` : `Done: ${counts}`, error !== undefined)
      },
    },
    (state) => {
      if (state !== "failed") return report("run-state", state === "open" ? "Writing." : "Connecting.")
      sessionStorage.removeItem(KEPT)
      finish("This run is not kept any longer.")
    },
  )
}

form.addEventListener("submit", async (event) => {
  event.preventDefault()
  const prompt = form.elements.prompt.value
  try {
    const { id } = await post("/demo/runs", JSON.stringify({ prompt }), { "content-type": "application/json" })
    follow(id)
  } catch (error) {
    report("run-state", error.message, true)
  }
})

ask("/demo/about")
  .then(({ model }) =>
    show(
      "run-source",
      model
        ? `Written by ${model}. Each piece is an entry in the log; you read the run from there.`
        : "A canned text, word by word: no model is connected. Set OPENAI_BASE_URL and OPENAI_MODEL to see a real one.",
    ),
  )
  .catch((error) => report("run-state", error.message, true))

const kept = sessionStorage.getItem(KEPT)
if (kept) follow(kept)
