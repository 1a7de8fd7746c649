import { defineHandler } from "nitro/h3"
import { control } from "../cases"

// oxlint-disable-next-line no-default-export -- what Nitro reads
export default defineHandler((event) => control(event.req))
