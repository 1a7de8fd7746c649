import { defineHandler } from "nitro/h3"
import { sse } from "onward/h3"
import { make, options } from "../../cases"

// oxlint-disable-next-line no-default-export -- what Nitro reads
export default defineHandler((event) => sse(event, make(event.context.params.name, event.req), options))
