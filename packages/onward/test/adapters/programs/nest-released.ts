// Nest waits for ever for what a streamed handler answers. Once the client has left, nothing may be kept for that.
import "reflect-metadata"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { Controller, Get, Module, UseInterceptors } from "@nestjs/common"
import { NestFactory } from "@nestjs/core"
import { FastifyAdapter } from "@nestjs/platform-fastify"
import { createHub } from "onward"
import { sse, type Source } from "onward/nest"

const REQUESTS = 50

const hub = createHub()

class Feed {
  events(): Source {
    return hub.subscribe({ topics: ["a"] })
  }
}
const method = Object.getOwnPropertyDescriptor(Feed.prototype, "events") as PropertyDescriptor
Get("/")(Feed.prototype, "events", method)
UseInterceptors(sse())(Feed.prototype, "events", method)
Controller()(Feed)
// oxlint-disable-next-line typescript/no-extraneous-class -- Nest's modules are classes
class App {}
Module({ controllers: [Feed] })(App)

const settings = { logger: false } as const
const apps = {
  Express: await NestFactory.create(App, settings),
  Fastify: await NestFactory.create(App, new FastifyAdapter(), settings),
}

for (const [platform, app] of Object.entries(apps)) {
  const responses: WeakRef<object>[] = []
  await app.listen(0, "127.0.0.1")
  const server = app.getHttpServer() as http.Server
  server.on("request", (_req, res) => responses.push(new WeakRef(res)))
  const { port } = server.address() as AddressInfo
  for (let i = 0; i < REQUESTS; i++) {
    const response = await new Promise<http.IncomingMessage>((resolve) => http.get({ port, agent: false }, resolve))
    response.on("error", () => {}).destroy()
  }
  let alive = REQUESTS
  for (let tries = 0; tries < 100 && (alive > 0 || hub.stats().connections > 0); tries++) {
    await sleep(10)
    ;(globalThis as unknown as { gc: () => void }).gc()
    alive = responses.filter((response) => response.deref()).length
  }
  console.log(`${platform}: ${responses.length} answered, ${alive} kept`)
  await app.close()
}
await hub.close()
