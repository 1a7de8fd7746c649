// In Bun and Deno: serves a hub on a free port, and prints that.
import { createHandler } from "../handler.ts"

interface Served {
  readonly port?: number
  readonly addr?: { readonly port: number }
}
interface Platform {
  readonly Bun?: { serve(options: object): Served }
  readonly Deno?: { serve(options: object, handler: unknown): Served }
}

const { Bun, Deno } = globalThis as Platform
const handler = createHandler()
const address = { hostname: "127.0.0.1", port: 0 }
const served = Bun ? Bun.serve({ ...address, fetch: handler }) : Deno?.serve({ ...address, onListen() {} }, handler)
console.log(JSON.stringify({ port: served?.port ?? served?.addr?.port }))
