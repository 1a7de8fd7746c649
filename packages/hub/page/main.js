import { reportBack } from "./ask.js"
import { addTurn, chat, showSource } from "./chat-panel.js"
import { noteEvent, noteState, setUpCut } from "./cut-panel.js"
import { byId, format, report, show } from "./elements.js"
import { setUpCopy } from "./copy.js"
import "./log-panel.js"
import { drawSample } from "./machine.js"
import { addNote } from "./notifications.js"
import { createSequence } from "./sequence.js"
import "./slow-panel.js"
import { openStream } from "./stream.js"

const STATES = {
  connecting: "Connecting",
  open: "Connected",
  lost: "Disconnected, reconnecting",
  paused: "Paused",
  failed: "Refused",
}
const samples = createSequence()
const counts = createSequence()
const totals = { events: 0, reconnects: -1 }

/** Wraps a handler so that each event is counted. */
function through(handle) {
  return (event) => {
    totals.events++
    handle(event)
    noteEvent(event)
    showTotals()
  }
}

function showTotals() {
  show("status-id", stream.lastEventId || "none yet")
  show("total-events", format(totals.events))
  show("total-reconnects", format(Math.max(0, totals.reconnects)))
  show("total-missing", format(samples.missing + counts.missing))
  show("total-twice", format(samples.twice + counts.twice))
}

const note = through(addNote)
const stream = openStream(
  "/events",
  [
    ["topic", "demo/machine"],
    ["topic", "demo/count"],
    ["topic", `demo/chat/${chat}`],
    ["topic", "hello"],
    ["topic", "hello/*"],
    ["since", "60s"],
  ],
  {
    sample: through((event) => {
      const sample = event.json()
      samples.take(sample.n)
      drawSample(sample)
    }),
    count: through((event) => counts.take(event.json().n)),
    turn: through(addTurn),
    message: note,
    note,
    alert: note,
    "stream.gap": ({ data }) => report("proof-result", `The hub reports lost events: ${data}`, true),
  },
  (state) => {
    if (state === "open") {
      totals.reconnects++
      reportBack()
      void showSource()
    }
    byId("status").dataset.state = state
    show("status-text", STATES[state])
    noteState(state)
  },
)
setUpCut(stream)

show("curl-publish", `curl -d topic=hello -d data=world ${location.origin}/publish`)
show("curl-listen", `curl -N "${location.origin}/events?topic=hello"`)
setUpCopy()
