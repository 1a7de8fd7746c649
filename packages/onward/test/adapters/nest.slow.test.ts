import "reflect-metadata"
import assert from "node:assert/strict"
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import type { Server } from "node:net"
import { test, type TestContext } from "node:test"
import { promisify } from "node:util"
import {
  Controller,
  ForbiddenException,
  Get,
  Module,
  NotFoundException,
  Post,
  Body,
  UseGuards,
  UseInterceptors,
  type CanActivate,
  type NestInterceptor,
} from "@nestjs/common"
import { NestFactory } from "@nestjs/core"
import { FastifyAdapter } from "@nestjs/platform-fastify"
import { Observable } from "rxjs"
import { createHub, type Hub } from "onward"
import { sse, type Source } from "onward/nest"
import { http1 } from "./clients.ts"
import { run, type Running } from "./rig.ts"

const nobody: CanActivate = { canActivate: () => Promise.reject(new ForbiddenException()) }

/** An interceptor that Nest's users have: around the handler, and around `sse` when it comes first. */
const seen: string[] = []
const logging: NestInterceptor = {
  intercept(_context, next) {
    seen.push("before")
    return next.handle()
  },
}

/** Decorates a method as a compiled class does it. */
function decorate(target: object, name: string, ...decorators: MethodDecorator[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(target, name) as PropertyDescriptor
  for (const decorator of decorators.toReversed()) decorator(target, name, descriptor)
}

function feedOf(hub: Hub): object {
  class Feed {
    events(): Source {
      return hub.subscribe({ topics: ["news"] })
    }
    async later(): Promise<Source> {
      return hub.subscribe({ topics: ["news"] })
    }
    observable(): Observable<Source> {
      return new Observable((subscriber) => {
        subscriber.next(hub.subscribe({ topics: ["news"] }))
        subscriber.complete()
      })
    }
    missing(): Source {
      throw new NotFoundException()
    }
    forbidden(): Source {
      return hub.subscribe({ topics: ["news"] })
    }
    nothing(): null {
      return null
    }
    ask({ prompt }: { prompt: string }): Source {
      return async function* () {
        yield* prompt.split(" ")
      }
    }
    usual(): string {
      return "as ever"
    }
    misused(): Source {
      return hub.subscribe({ topics: ["news"] })
    }
  }
  const { prototype } = Feed
  decorate(prototype, "events", Get("events"), UseInterceptors(logging, sse({ retry: 500 })))
  for (const name of ["later", "observable", "missing", "nothing"]) {
    decorate(prototype, name, Get(name), UseInterceptors(sse()))
  }
  decorate(prototype, "forbidden", Get("forbidden"), UseGuards(nobody), UseInterceptors(sse()))
  decorate(prototype, "ask", Post("ask"), UseInterceptors(sse()))
  Body()(prototype, "ask", 0)
  decorate(prototype, "usual", Get("usual"))
  decorate(prototype, "misused", Get("misused"), UseInterceptors(sse({ heartbeat: 1_000 })))
  Controller()(Feed)
  // oxlint-disable-next-line typescript/no-extraneous-class -- Nest's modules are classes
  class App {}
  Module({ controllers: [Feed] })(App)
  return App
}

const platforms = {
  Express: (app: object) => NestFactory.create(app, { logger: false }),
  Fastify: (app: object) => NestFactory.create(app, new FastifyAdapter(), { logger: false }),
}

for (const [platform, create] of Object.entries(platforms)) {
  async function serving(t: TestContext): Promise<{ hub: Hub; ask: Running["ask"] }> {
    const hub = createHub()
    const app = await create(feedOf(hub))
    app.enableCors({ origin: "https://app.example" })
    await app.init()
    if (platform === "Fastify") await (app.getHttpAdapter().getInstance() as { ready(): Promise<void> }).ready()
    const { ask, close } = await run(app.getHttpServer() as Server, http1)
    t.after(async () => {
      await close()
      await hub.close()
    })
    return { hub, ask }
  }

  test(`nest on ${platform}: the result of a handler is streamed and resumed, at once, later or as an observable`, async (t) => {
    const { hub, ask } = await serving(t)
    const first = await hub.publish({ topic: "news", data: "first" })
    await hub.publish({ topic: "news", data: "second" })
    for (const path of ["/events", "/later", "/observable"]) {
      const exchange = await ask({ path, headers: { "last-event-id": first, origin: "https://app.example" } })
      assert.equal(exchange.headers["access-control-allow-origin"], "https://app.example")
      await exchange.has("data: second")
      assert.deepEqual(exchange.data, ["second"])
    }
    assert.ok(seen.includes("before"))
  })

  test(`nest on ${platform}: guards and exceptions respond before the first byte, with their own status`, async (t) => {
    const { ask } = await serving(t)
    assert.equal((await ask({ path: "/missing" })).status, 404)
    assert.equal((await ask({ path: "/forbidden" })).status, 403)
    assert.equal((await ask({ path: "/nothing" })).status, 204)
    assert.equal((await ask({ path: "/misused" })).status, 500)
    await (await ask({ path: "/usual" })).has("as ever")
  })

  test(`nest on ${platform}: a POST is streamed with the status of a stream, from its parsed body`, async (t) => {
    const { ask } = await serving(t)
    const exchange = await ask({ method: "POST", path: "/ask", body: JSON.stringify({ prompt: "three little words" }) })
    assert.equal(exchange.status, 200)
    assert.equal(await exchange.over(), "ended")
    assert.deepEqual(exchange.data, ["three", "little", "words"])
  })
}

for (const [platform, hook] of [
  ["Express", "onModuleDestroy"],
  ["Fastify", "onModuleDestroy"],
  ["Express", "beforeApplicationShutdown"],
] as const) {
  test(`nest on ${platform}: SIGTERM ends streams that ${hook} drains, and then the process`, async (t) => {
    const program = new URL("programs/nest-shutdown.ts", import.meta.url).pathname
    const app = spawn(process.execPath, ["--conditions=onward-source", program, platform, hook], { stdio: "pipe" })
    t.after(() => app.kill("SIGKILL"))
    const exited = once(app, "exit")
    const [address] = (await once(app.stdout, "data")) as [Buffer]
    const exchange = await http1.ask(Number(new URL(String(address)).port), { path: "/events" })
    await exchange.has("data: {}\n\n")
    app.kill("SIGTERM")
    assert.equal(await exchange.over(), "ended")
    assert.match(exchange.text, /\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/)
    // Nest ends the process by the signal that it got
    assert.deepEqual(await exited, [null, "SIGTERM"])
  })
}

test("nest: nothing is kept of a request whose client has disconnected", async () => {
  const program = new URL("programs/nest-released.ts", import.meta.url).pathname
  const flags = ["--expose-gc", "--conditions=onward-source"]
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, program], { timeout: 120_000 })
  assert.equal(stdout, "Express: 50 answered, 0 kept\nFastify: 50 answered, 0 kept\n")
})
