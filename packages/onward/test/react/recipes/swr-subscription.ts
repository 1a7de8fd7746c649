// One stream for all components that ask for it, closed with the last of them.
import { stream } from "onward/client"
import useSWRSubscription, { type SWRSubscriptionResponse } from "swr/subscription"

export type Prices = Readonly<Record<string, number>>

export const usePrices = (url: string | null): SWRSubscriptionResponse<Prices, Error> =>
  useSWRSubscription<Prices, Error, string | null>(url, (key: string, { next }) => {
    // changes were missed, so what we have may be wrong
    const source = stream(key, { onGap: () => next(null, {}) })
    async function follow(): Promise<void> {
      for await (const event of source) {
        const { symbol, price } = event.json<{ symbol: string; price: number }>()
        next(null, (prices = {}) => ({ ...prices, [symbol]: price }))
      }
    }
    follow().catch(next)
    return () => source.close()
  })
