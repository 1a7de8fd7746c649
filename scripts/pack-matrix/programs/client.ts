// What a page or a program writes to read a stream. `npm run pack-matrix` compiles it as a user would, and bundles it.
import { EventSource, OnwardError, stream, type StreamOptions } from "onward/client"
import { parse } from "onward/protocol"
import { openRun } from "onward/runs/client"

export async function read(url: string): Promise<string[]> {
  const options: StreamOptions = { headers: { accept: "text/event-stream" }, credentials: "same-origin" }
  const ids: string[] = []
  try {
    for await (const { id } of stream(url, options)) ids.push(id)
  } catch (error) {
    if (!(error instanceof OnwardError)) throw error
    ids.push(error.code)
  }
  return ids
}

export function listen(url: string, onText: (text: string) => void): () => void {
  const source = new EventSource(url, { headers: async () => ({ authorization: "Bearer token" }) })
  source.onmessage = ({ data, lastEventId }) => onText(`${lastEventId.length} ${data.length}`)
  source.addEventListener("tick", ({ data }) => onText(data.trim()), { once: true })
  source.addEventListener("error", ({ error }) => onText(error?.code ?? "ended"))
  return () => source.close()
}

export const usesRuns: boolean = typeof openRun === "function"
export const usesProtocol: boolean = typeof parse === "function"
