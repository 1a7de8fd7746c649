// The stream tells of changes: what queries have is replaced by what events say, and asked for anew where events were missed.
import { useQueryClient } from "@tanstack/react-query"
import { stream } from "onward/client"
import { useEffect } from "react"

/** Call it once, where the application begins; `onError` must keep its identity. */
export function useLiveQueries(url: string, onError: (error: unknown) => void): void {
  const client = useQueryClient()
  useEffect(() => {
    const source = stream(url, { onGap: () => void client.invalidateQueries({ queryKey: ["price"] }) })
    async function follow(): Promise<void> {
      for await (const event of source) {
        const { symbol, price } = event.json<{ symbol: string; price: number }>()
        client.setQueryData(["price", symbol], price)
      }
    }
    follow().catch(onError)
    return () => source.close()
  }, [client, url, onError])
}
