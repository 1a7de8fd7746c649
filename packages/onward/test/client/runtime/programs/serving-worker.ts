// In workerd: a hub in a durable object, because what one request made (timers, streams) no other may touch, except in there.
import { createHandler } from "../handler.ts"

interface Env {
  readonly hubs: { getByName(name: string): { fetch(request: Request): Promise<Response> } }
}

export class Hub {
  readonly fetch: (request: Request) => Promise<Response> = createHandler()
}

// oxlint-disable-next-line no-default-export -- what workerd calls
export default {
  fetch: async (request: Request, { hubs }: Env): Promise<Response> => hubs.getByName("hub").fetch(request),
}
