import type * as OnwardClient from "onward/client"

/** Takes the events of a stream by one client, as its users would. Starts reading at once; a promise it is given back holds reading up, if the client lets it. */
export type Consume = (url: string, take: (data: string) => void | Promise<void>) => Promise<void>

export interface Contender {
  readonly consume: Consume
  /** What it needs of Node. */
  readonly flags?: readonly string[]
}

/** Each imports its client when it starts: a process has one of them. */
export const contenders: Readonly<Record<string, Contender>> = {
  "onward `stream`": { consume: iterate() },
  "onward `stream`, on `fetch`": { consume: iterate(fetch) },
  "onward `EventSource`": { consume: listen(async () => (await onward()).EventSource) },
  "onward `EventSource`, on `fetch`": {
    consume: listen(async () => {
      const { EventSource } = await onward()
      return class extends EventSource {
        constructor(url: string) {
          super(url, { fetch })
        }
      }
    }),
  },
  "`eventsource`": { consume: listen(async () => (await import("eventsource")).EventSource) },
  "Node's `EventSource`": {
    consume: listen(async () => globalThis.EventSource),
    flags: ["--experimental-eventsource", "--disable-warning=ExperimentalWarning"],
  },
  "`eventsource-client`": {
    async consume(url, take) {
      const { createEventSource } = await import("eventsource-client")
      for await (const { data } of createEventSource(url)) {
        const taken = take(data)
        if (taken) await taken
      }
    },
  },
  "`fetch-event-source`": {
    async consume(url, take) {
      giveGlobals()
      const { fetchEventSource } = await import("@microsoft/fetch-event-source")
      await fetchEventSource(url, { openWhenHidden: true, onmessage: ({ data }) => void take(data) })
    },
  },
  "`fetch` and `eventsource-parser`": {
    async consume(url, take) {
      const { createParser } = await import("eventsource-parser")
      const { body } = await fetch(url)
      const decoder = new TextDecoder()
      let taken: Promise<void> | undefined
      const parser = createParser({ onEvent: ({ data }) => void (taken = take(data) || taken) })
      for await (const chunk of body as ReadableStream<Uint8Array>) {
        parser.feed(decoder.decode(chunk, { stream: true }))
        if (taken) await taken
      }
    },
  },
}

/** The entry as Node's users get it, whatever conditions types are looked up by. */
const onward = async (): Promise<typeof OnwardClient> => import("onward/client")

function iterate(fetch?: typeof globalThis.fetch): Consume {
  return async (url, take) => {
    const { stream } = await onward()
    for await (const { data } of stream(url, fetch && { fetch })) {
      const taken = take(data)
      if (taken) await taken
    }
  }
}

interface Source {
  onmessage: ((event: MessageEvent<string>) => unknown) | null
}

function listen(load: () => Promise<new (url: string) => Source>): Consume {
  return async (url, take) => {
    const source = new (await load())(url)
    source.onmessage = ({ data }) => void take(data)
    // until the process ends: some of them do not keep it alive
    await new Promise<never>(() => setInterval(() => {}, 1_000_000))
  }
}

/** As much of a page as `fetch-event-source` asks for: without it, it throws. */
export function giveGlobals(): void {
  const document = { hidden: false, addEventListener() {}, removeEventListener() {} }
  Object.assign(globalThis, { window: globalThis, document })
}
