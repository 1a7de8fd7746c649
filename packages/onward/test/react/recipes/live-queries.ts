// Events update the data of queries. After a gap, the queries are fetched again.
import { useQueryClient } from "@tanstack/react-query"
import { stream } from "onward/client"
import { useEffect } from "react"

/** Call it once, at the root of the application. `onError` must keep its identity. */
export function useLiveQueries(url: string, onError: (error: unknown) => void): void {
  const client = useQueryClient()
  useEffect(() => {
    const source = stream(url, { onGap: () => void client.invalidateQueries({ queryKey: ["price"] }) })
    async function read(): Promise<void> {
      for await (const event of source) {
        const { symbol, price } = event.json<{ symbol: string; price: number }>()
        client.setQueryData(["price", symbol], price)
      }
    }
    read().catch(onError)
    return () => source.close()
  }, [client, url, onError])
}
