import { IncomingMessage, ServerResponse } from "node:http"
import { Socket } from "node:net"

/** A request and a response of Node that are not connected to anything. */
export function createNodeExchange(): { readonly req: IncomingMessage; readonly res: ServerResponse } {
  const req = new IncomingMessage(new Socket())
  req.method = "GET"
  req.url = "/"
  return { req, res: new ServerResponse(req) }
}
