// A Nest app on Express or on Fastify, by its first argument, that drains its hub in the hook of its second. Prints its address.
import "reflect-metadata"
import { Controller, Get, Module, UseInterceptors } from "@nestjs/common"
import { NestFactory } from "@nestjs/core"
import { FastifyAdapter } from "@nestjs/platform-fastify"
import { createHub, type Subscription } from "onward"
import { sse } from "onward/nest"

const hub = createHub()

class Feed {
  events(): Subscription {
    return hub.subscribe({ topics: ["news"] })
  }
}
const hook = process.argv[3] ?? "onModuleDestroy"
Object.defineProperty(Feed.prototype, hook, { value: () => hub.drain({ duration: 100 }) })
// decorated as a compiled class is
const method = Object.getOwnPropertyDescriptor(Feed.prototype, "events") as PropertyDescriptor
for (const decorate of [UseInterceptors(sse()), Get("events")]) decorate(Feed.prototype, "events", method)
Controller()(Feed)
// oxlint-disable-next-line typescript/no-extraneous-class -- Nest's modules are classes
class App {}
Module({ controllers: [Feed] })(App)

const options = { logger: false } as const
const app =
  process.argv[2] === "Fastify"
    ? await NestFactory.create(App, new FastifyAdapter(), options)
    : await NestFactory.create(App, options)
app.enableShutdownHooks()
await app.listen(0, "127.0.0.1")
console.log(await app.getUrl())
