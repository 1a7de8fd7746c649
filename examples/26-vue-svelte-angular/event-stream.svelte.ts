import { stream, type StreamEvent, type StreamStatus } from "onward/client"

/** Call it while a component initializes. The stream is open while the component is mounted. */
export function eventStream<T>(
  url: string,
  initial: T,
  reduce: (data: T, event: StreamEvent) => T,
): { readonly data: T; readonly status: StreamStatus } {
  let data = $state.raw(initial)
  let status = $state.raw<StreamStatus>({ state: "idle" })
  $effect(() => {
    const events = stream(url, { onStatus: (next) => (status = next) })
    async function read(): Promise<void> {
      for await (const event of events) data = reduce(data, event)
    }
    read().catch(() => {}) // `status` has the error
    return () => events.close()
  })
  return {
    get data() {
      return data
    },
    get status() {
      return status
    },
  }
}
