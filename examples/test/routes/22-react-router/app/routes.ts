import { route } from "@react-router/dev/routes"

// oxlint-disable-next-line no-default-export -- what React Router reads
export default [
  route("events", "routes/events.ts"),
  route("stream/:name", "routes/stream.js"),
  route(":control", "routes/control.js"),
]
