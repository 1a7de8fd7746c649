// The query's data is reduced from the stream. When the query is shown again, the stream resumes.
import { experimental_streamedQuery as streamedQuery, queryOptions } from "@tanstack/react-query"
import { stream } from "onward/client"

export interface Prices {
  readonly lastEventId: string
  readonly bySymbol: Readonly<Record<string, number>>
}

const NOTHING: Prices = { lastEventId: "", bySymbol: {} }

export const pricesQuery = (url: string) =>
  queryOptions({
    queryKey: ["prices", url],
    queryFn: streamedQuery({
      streamFn({ client, queryKey, signal }) {
        const { lastEventId = "" } = client.getQueryData<Prices>(queryKey) ?? {}
        return stream(url, { lastEventId, signal })
      },
      initialValue: NOTHING,
      reducer({ bySymbol }, event): Prices {
        if (event.event === "stream.gap") return NOTHING // changes were missed, so the data may be wrong
        const { symbol, price } = event.json<{ symbol: string; price: number }>()
        return { lastEventId: event.id, bySymbol: { ...bySymbol, [symbol]: price } }
      },
      refetchMode: "append",
    }),
    retry: false, // the stream reconnects by itself: an error that it throws is final
  })
