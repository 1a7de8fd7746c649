// What a server writes. `npm run pack-matrix` compiles it as a user would, and bundles it.
import { createServer, type Server } from "node:http"
import { createHub, type Hub } from "onward"
import { sse } from "onward/node"
import { sse as answer } from "onward/web"

export const hub: Hub = createHub({ heartbeat: 5_000 })

export const serve = (): Server => createServer((req, res) => void sse(req, res, hub.subscribe({ topics: ["news"] })))

export const handle = (request: Request): Response | Promise<Response> =>
  answer(request, hub.subscribe({ topics: ["news"], signal: request.signal }))
