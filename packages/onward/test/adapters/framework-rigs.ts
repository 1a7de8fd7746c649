import "reflect-metadata"
import { All, Controller, Module, Req, UseInterceptors } from "@nestjs/common"
import { NestFactory } from "@nestjs/core"
import { FastifyAdapter } from "@nestjs/platform-fastify"
import { getRequestListener } from "@hono/node-server"
import compression from "compression"
import express from "express"
import express4 from "express4"
import fastify, { type FastifyInstance } from "fastify"
import { H3, toNodeHandler } from "h3"
import { Hono } from "hono"
import Koa from "koa"
import http from "node:http"
import http2 from "node:http2"
import type { Server } from "node:net"
import { text } from "node:stream/consumers"
import { sse as expressSse } from "onward/express"
import { sse as fastifySse } from "onward/fastify"
import { sse as h3Sse } from "onward/h3"
import { sse as honoSse } from "onward/hono"
import { sse as koaSse } from "onward/koa"
import { sse as nestSse, type Source, type SseOptions } from "onward/nest"
import { http1, http2Clear } from "./clients.ts"
import { responseOf, run, type Client, type Handler, type Rig } from "./rig.ts"

/** A request to any method and path gets the same handler, as with `node:http`. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

const expressApp = (app: express.Express, handle: Handler): Server => {
  app.use((req, res) =>
    handle({ sse: (source, options) => expressSse(req, res, source, options), body: () => text(req) }),
  )
  return http.createServer(app)
}

const express4App = (handle: Handler): Server => {
  const app = express4()
  app.use((req, res) => {
    void handle({ sse: (source, options) => expressSse(req, res, source, options), body: () => text(req) })
  })
  return http.createServer(app)
}

const honoListener = (handle: Handler): ReturnType<typeof getRequestListener> => {
  const app = new Hono()
  app.all("*", (c) =>
    responseOf(
      handle,
      (source, options) => honoSse(c, source, options),
      () => c.req.text(),
    ),
  )
  return getRequestListener(app.fetch)
}

const h3Listener = (handle: Handler): ReturnType<typeof toNodeHandler> => {
  const app = new H3()
  app.use((event) =>
    responseOf(
      handle,
      (source, options) => h3Sse(event, source, options),
      () => event.req.text(),
    ),
  )
  return toNodeHandler(app)
}

const koaListener = (handle: Handler): ReturnType<Koa["callback"]> => {
  const app = new Koa()
  app.use((ctx) => handle({ sse: (source, options) => koaSse(ctx, source, options), body: () => text(ctx.req) }))
  return app.callback()
}

/** Bodies as text, whatever their type. */
function takingAnyBody<App extends Pick<FastifyInstance, "addContentTypeParser" | "removeAllContentTypeParsers">>(
  app: App,
): App {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body))
  return app
}

async function fastifyServer(handle: Handler, options: { http2?: true }): Promise<Server> {
  // the types of an app differ with the server below it, which is not what is tested here
  const app = takingAnyBody(fastify(options as object))
  app.route({
    method: METHODS,
    url: "*",
    handler: async (request, reply) => {
      await handle({
        sse: (source, options) => void fastifySse(request, reply, source, options),
        body: async () => request.body as string,
      })
      return reply
    },
  })
  await app.ready()
  return app.server
}

async function nestServer(handle: Handler, platform?: FastifyAdapter): Promise<Server> {
  // an interceptor has its options beforehand, a test gives them with the request
  const options: { -readonly [Name in keyof SseOptions]: SseOptions[Name] } = {}
  class Feed {
    async events(req: http.IncomingMessage & { body?: unknown; raw?: http.IncomingMessage }): Promise<Source> {
      let streamed: Source | undefined
      await handle({
        sse(source, given) {
          Object.assign(options, given)
          streamed = source
        },
        body: async () => (req.raw ? String(req.body) : text(req)),
      })
      return streamed as Source
    }
  }
  // what the decorators of a compiled class do
  const method = Object.getOwnPropertyDescriptor(Feed.prototype, "events") as PropertyDescriptor
  All("*")(Feed.prototype, "events", method)
  UseInterceptors(nestSse(options))(Feed.prototype, "events", method)
  Req()(Feed.prototype, "events", 0)
  Controller()(Feed)
  // oxlint-disable-next-line typescript/no-extraneous-class -- Nest's modules are classes
  class App {}
  Module({ controllers: [Feed] })(App)
  const settings = { logger: false, bodyParser: false } as const
  const app = platform ? await NestFactory.create(App, platform, settings) : await NestFactory.create(App, settings)
  if (platform) takingAnyBody(platform.getInstance())
  await app.init()
  await platform?.getInstance().ready()
  return app.getHttpServer() as Server
}

type Serve = (handle: Handler) => Server | Promise<Server>

const rig = (name: string, entry: string, client: Client, serve: Serve, isNode = true): Rig => ({
  name,
  entry,
  client,
  isNode,
  open: async (handle) => run(await serve(handle), client),
})

/** A client that would take a compressed stream. */
const compressing: Client = {
  ...http1,
  ask: (port, asked) => http1.ask(port, { ...asked, headers: { "accept-encoding": "gzip", ...asked.headers } }),
}

// listeners of both kinds of request take either, whatever their types say
type AnyListener = (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => void
const overHttp2 = (listener: unknown): Server => http2.createServer(listener as AnyListener)

/** Every framework that Onward has an entry for. */
export const frameworkRigs: readonly Rig[] = [
  rig("express 5", "onward/express", http1, (handle) => expressApp(express(), handle)),
  rig("express 5 behind compression", "onward/express", compressing, (handle) =>
    expressApp(express().use(compression()), handle),
  ),
  rig("express 4", "onward/express", http1, express4App),
  rig("hono", "onward/hono", http1, (handle) => http.createServer(honoListener(handle)), false),
  rig("hono over HTTP/2", "onward/hono", http2Clear, (handle) => overHttp2(honoListener(handle)), false),
  rig("fastify", "onward/fastify", http1, (handle) => fastifyServer(handle, {})),
  rig("fastify over HTTP/2", "onward/fastify", http2Clear, (handle) => fastifyServer(handle, { http2: true })),
  rig("koa", "onward/koa", http1, (handle) => http.createServer(koaListener(handle))),
  rig("koa over HTTP/2", "onward/koa", http2Clear, (handle) => overHttp2(koaListener(handle))),
  rig("h3", "onward/h3", http1, (handle) => http.createServer(h3Listener(handle) as http.RequestListener), false),
  rig("h3 over HTTP/2", "onward/h3", http2Clear, (handle) => overHttp2(h3Listener(handle)), false),
  rig("nest on Express", "onward/nest", http1, (handle) => nestServer(handle)),
  rig("nest on Fastify", "onward/nest", http1, (handle) => nestServer(handle, new FastifyAdapter())),
]
