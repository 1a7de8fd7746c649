// All components share one stream. It is closed with the last of them.
import { stream } from "onward/client"
import useSWRSubscription, { type SWRSubscriptionResponse } from "swr/subscription"

export type Prices = Readonly<Record<string, number>>

export const usePrices = (url: string | null): SWRSubscriptionResponse<Prices, Error> =>
  useSWRSubscription<Prices, Error, string | null>(url, (key: string, { next }) => {
    // changes were missed, so the data may be wrong
    const source = stream(key, { onGap: () => next(null, {}) })
    async function read(): Promise<void> {
      for await (const event of source) {
        const { symbol, price } = event.json<{ symbol: string; price: number }>()
        next(null, (prices = {}) => ({ ...prices, [symbol]: price }))
      }
    }
    read().catch(next)
    return () => source.close()
  })
