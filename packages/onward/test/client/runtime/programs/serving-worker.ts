// In workerd: a hub in a durable object, because what one request made (timers, streams) no other may touch, except in there.
import { createHandler } from "../handler.ts"

interface Env {
  readonly HUB: { getByName(name: string): { fetch(request: Request): Promise<Response> } }
}

export class Hub {
  readonly fetch: (request: Request) => Promise<Response> = createHandler()
}

// oxlint-disable-next-line no-default-export -- what workerd calls
export default {
  fetch: async (request: Request, { HUB }: Env): Promise<Response> => HUB.getByName("hub").fetch(request),
}
