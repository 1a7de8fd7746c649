// A dedicated worker that passes on what its EventSource gets.
import { EventSource } from "../../../../src/client/index.ts"

const source = new EventSource(`${location.origin}/events`, { reconnectionTime: 1 })
source.addEventListener("message", ({ data }) => globalThis.postMessage(data))
