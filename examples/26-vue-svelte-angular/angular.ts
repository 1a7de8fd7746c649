import { isPlatformBrowser } from "@angular/common"
import { DestroyRef, inject, PLATFORM_ID, signal, type Signal } from "@angular/core"
import { stream, type StreamEvent, type StreamStatus } from "onward/client"

/** Call it in a field initializer or constructor. The stream is open until the component or service is destroyed. */
export function eventStream<T>(
  url: string,
  initial: T,
  reduce: (data: T, event: StreamEvent) => T,
): { data: Signal<T>; status: Signal<StreamStatus> } {
  const data = signal(initial)
  const status = signal<StreamStatus>({ state: "idle" })
  const events = stream(url, { onStatus: (next) => status.set(next) })
  async function read(): Promise<void> {
    for await (const event of events) data.update((before) => reduce(before, event))
  }
  if (isPlatformBrowser(inject(PLATFORM_ID))) read().catch(() => {}) // `status` has the error
  inject(DestroyRef).onDestroy(() => events.close())
  return { data: data.asReadonly(), status: status.asReadonly() }
}
