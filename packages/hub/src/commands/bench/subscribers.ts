import { OnwardError } from "onward"
import { stream, type EventStream, type StreamEvent } from "onward/client"
import { explainRefusal } from "../explain-refusal.ts"
import type { Server } from "../server.ts"
import { Sequence } from "./sequence.ts"
import type { Tally } from "./tally.ts"

/** Streams that are being opened at a time. */
const OPENING = 64

/** One stream of the load. It checks the numbers of its events. */
export interface Subscriber {
  readonly topic: number
  /** The newest number that it received. */
  readonly last: number
  /** Cuts the connection, and resumes with a new one. */
  cut(): void
  close(): void
}

interface SubscribersOptions {
  readonly server: Server
  readonly tally: Tally
  /** The topic of each client, and its name. */
  readonly clients: readonly { readonly topic: number; readonly name: string }[]
}

/** Opens all streams. Rejects with an `OnwardError` if one is refused; then those that are open are closed. */
export async function openSubscribers({ server, tally, clients }: SubscribersOptions): Promise<Subscriber[]> {
  const open: Subscriber[] = []
  const rest = clients.values()
  let error: Error | undefined
  const openSome = async (): Promise<void> => {
    for (const { topic, name } of rest) {
      if (error !== undefined) return
      try {
        open.push(await openSubscriber(server, tally, { topic, name }))
      } catch (thrown) {
        error ??= thrown as Error
      }
    }
  }
  await Promise.all(Array.from({ length: OPENING }, openSome))
  if (error === undefined) return open
  for (const subscriber of open) subscriber.close()
  throw error
}

async function openSubscriber(
  server: Server,
  tally: Tally,
  { topic, name }: { readonly topic: number; readonly name: string },
): Promise<Subscriber> {
  const url = new URL("events", server.url)
  url.searchParams.set("topic", name)
  const sequence = new Sequence(tally)
  let current: EventStream<StreamEvent>
  let isClosed = false

  /** Reads a stream to its end. `onOpen` is called when the hub answered. */
  function read(lastEventId: string, onOpen: () => void, onFailure: (error: unknown) => void): void {
    const mine = (current = stream(url, {
      // with this type the hub refuses by status; an EventSource gets an empty stream
      headers: { ...server.headers, accept: "*/*" },
      lastEventId,
      retry: false,
      onStatus: ({ state }) => void (state === "open" && onOpen()),
    }))
    const run = async (): Promise<void> => {
      for await (const { event, data } of mine) {
        if (mine !== current) return
        if (event === "stream.gap") sequence.gap()
        else take(data)
      }
      if (mine === current && !isClosed) tally.fault("The hub ended a stream.")
    }
    run().catch(onFailure)
  }

  function take(data: string): void {
    const [, number, time] = /^\{"n":(\d+),"t":([\d.]+),/.exec(data) ?? []
    if (number === undefined) return tally.fault("An event is not one of this bench.")
    sequence.take(Number(number))
    tally.latency.add((performance.now() - Number(time)) * 1e6)
  }

  await new Promise<void>((resolve, reject) => {
    read("", resolve, (error) => {
      tally.fault(String(error))
      reject(error)
    })
  }).catch(async (error: unknown) => {
    if (!(error instanceof OnwardError) || error.code !== "bad_status") throw error
    const reason = await explainRefusal(server, url.href)
    throw reason === undefined
      ? error
      : new OnwardError(error.code, `A stream was refused: ${reason}`, { status: error.status })
  })

  return {
    topic,
    get last() {
      return sequence.last
    },
    cut() {
      const { lastEventId } = current
      // without an id there is nothing to resume after
      if (lastEventId === "" || isClosed) return
      current.close()
      tally.resumes++
      read(
        lastEventId,
        () => {},
        (error) => tally.fault(String(error)),
      )
    },
    close() {
      isClosed = true
      current.close()
    },
  }
}
