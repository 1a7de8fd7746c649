import { join } from "node:path"
import type { TestContext } from "node:test"
import type { ServeOptions } from "../src/command-line.ts"
import type { Exposure } from "../src/exposure.ts"
import type { GatewaySettings } from "../src/gateway/index.ts"
import { startServer } from "../src/server.ts"
import { defaultLog } from "../src/log-address.ts"
import { temporaryFolder } from "./temporary-folder.ts"

/** A hub server in this process. */
export interface TestServer {
  readonly url: string
  readonly port: number
  readonly data: string
  /** What went wrong in it. */
  readonly errors: unknown[]
  close(): Promise<void>
}

/** Starts a hub server on a free port, with a folder of its own unless one is given. */
export async function testServer(
  t: TestContext,
  {
    data = join(temporaryFolder(t), "data"),
    log = defaultLog(data),
    demo = false,
    host = "127.0.0.1",
    presence,
    publishRate,
    upstream,
    gateway = {},
    ...rest
  }: {
    data?: string
    log?: string
    demo?: boolean
    host?: string
    presence?: readonly string[]
    publishRate?: number
    upstream?: GatewaySettings["upstreams"][number]
    gateway?: Partial<GatewaySettings> & { heartbeat?: number }
  } & Exposure &
    Pick<ServeOptions, "limits" | "refuse" | "auth"> = {},
): Promise<TestServer> {
  const errors: unknown[] = []
  const options: ServeOptions = {
    port: 0,
    host,
    data,
    log,
    workers: 1,
    drain: 500,
    demo,
    ...rest,
    ...(presence && { presence }),
    ...(publishRate !== undefined && { publishRate }),
    ...((upstream || gateway.upstreams) && {
      gateway: { upstreams: upstream ? [upstream] : [], limits: {}, origins: [], ...gateway },
    }),
  }
  const server = await startServer(options, (error) => errors.push(error))
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= server.close())
  t.after(close)
  return { url: `http://127.0.0.1:${server.address.port}`, port: server.address.port, data, errors, close }
}

/** Publishes a form; resolves to the id. */
export async function publish(
  url: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<string> {
  const response = await fetch(`${url}/publish`, { method: "POST", headers, body: new URLSearchParams(fields) })
  const answer = (await response.json()) as { id: string }
  if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(answer)}`)
  return answer.id
}
