import { serve } from "@hono/node-server"
import worker, { Feed } from "../../15-durable-object.ts"

// one object for each name, as the platform has them
const feeds = new Map<string, Feed>()
function getByName(name: string): Feed {
  const feed = feeds.get(name) ?? new Feed()
  feeds.set(name, feed)
  return feed
}

serve({ fetch: (request) => worker.fetch(request, { FEED: { getByName } }), port: Number(process.env.PORT) })
