import { stream, type StreamEvent, type StreamStatus } from "onward/client"
import { onMounted, onUnmounted, shallowRef, type ShallowRef } from "vue"

/** Call it in `setup`. The stream is open while the component is mounted. */
export function useEventStream<T>(
  url: string,
  initial: T,
  reduce: (data: T, event: StreamEvent) => T,
): { data: ShallowRef<T>; status: ShallowRef<StreamStatus> } {
  const data = shallowRef(initial)
  const status = shallowRef<StreamStatus>({ state: "idle" })
  const events = stream(url, { onStatus: (next) => (status.value = next) })
  async function read(): Promise<void> {
    for await (const event of events) data.value = reduce(data.value, event)
  }
  onMounted(() => void read().catch(() => {})) // `status` has the error
  onUnmounted(() => events.close())
  return { data, status }
}
