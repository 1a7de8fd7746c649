import { serve } from "@hono/node-server"
import { handler } from "../../05-fetch.ts"

serve({ fetch: handler.fetch, port: Number(process.env.PORT) })
