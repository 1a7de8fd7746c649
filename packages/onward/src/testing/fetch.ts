import { BREATH_BYTES, type ConnectionEnd, type Receiver, type Transport } from "./exchange.ts"
import { afterTurn, afterTwoTurns } from "./machine.ts"

/** What fetch-style runtimes and frameworks serve: `export default { fetch }`, a Hono app, … */
export interface FetchHandler {
  fetch(request: Request): Response | Promise<Response>
}

/** Calls a fetch-style handler as its runtime would. */
export function throughFetch(handler: FetchHandler): Transport {
  return async ({ method, path, headers, body }) => {
    const gone = new AbortController()
    const init = { method, headers: { ...headers }, body: body ?? null, signal: gone.signal }
    const response = await handler.fetch(new Request(new URL(path, "http://localhost"), init))
    if (typeof response?.status !== "number") throw new TypeError("`fetch` must return a Response, or a promise of one")
    const reader = response.body?.getReader()
    let isCut = false
    let receiver: Receiver | undefined
    let stalled: Promise<void> | undefined
    let flow = (): void => {}

    function over(ending: ConnectionEnd): void {
      if (!isCut) receiver?.onOver(ending)
    }

    async function pump(): Promise<void> {
      let sinceBreath = 0
      try {
        for (let result = await reader?.read(); result && !result.done; result = await reader?.read()) {
          await stalled
          if (isCut) return
          receiver?.onBytes(result.value)
          sinceBreath += result.value.length
          if (sinceBreath < BREATH_BYTES) continue
          sinceBreath = 0
          await new Promise<void>(afterTurn)
        }
        await stalled
        over("ended")
      } catch {
        over("cut")
      }
    }

    return {
      status: response.status,
      headers: response.headers,
      read(given) {
        receiver = given
        // the stream can fail while nothing is taken
        reader?.closed.catch(() => over("cut"))
        void pump()
      },
      stall() {
        stalled ??= new Promise((resolve) => (flow = resolve))
      },
      flow() {
        flow()
        stalled = undefined
      },
      async cut() {
        isCut = true
        // runtimes cancel the body, abort the request, or both
        reader?.cancel().catch(() => {})
        gone.abort()
        flow()
        receiver?.onOver("cut")
        await afterTwoTurns()
      },
    }
  }
}
