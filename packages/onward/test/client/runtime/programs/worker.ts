// In workerd: asked by a POST of the cases' URLs, as a JSON array; answers with the outcomes.
import * as client from "onward/client"
import { runCases } from "../cases.ts"

// oxlint-disable-next-line no-default-export -- what workerd calls
export default {
  fetch: async (request: Request): Promise<Response> =>
    Response.json(await runCases(client, (await request.json()) as string[], "workerd")),
}
