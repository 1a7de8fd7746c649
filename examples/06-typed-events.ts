// Typed events for server and client: names and data are checked in the editor and at run time. Any Standard Schema works.
import { createHub, defineEvents, type Schema } from "onward"

const price: Schema<{ symbol: string; price: number }> = {
  "~standard": {
    version: 1,
    vendor: "by hand",
    validate(value) {
      const { symbol, price } = value as Record<string, unknown>
      if (typeof symbol === "string" && typeof price === "number") return { value: { symbol, price } }
      return { issues: [{ message: "a price needs a symbol and a number" }] }
    },
  },
}

export const events = defineEvents({ price })
export const hub = createHub({ events })

await hub.publish({ topic: "prices", event: "price", data: { symbol: "ACME", price: 12.5 } })

// in the client
export const arrived = await events.parse({ event: "price", data: '{"symbol":"ACME","price":12.5}' })
console.log(arrived.data.symbol, arrived.data.price.toFixed(2))
