import { join } from "node:path"
import type { TestContext } from "node:test"
import type { AuthOptions } from "../src/auth/index.ts"
import { parseConfig, type Config, type Reloaded } from "../src/config/index.ts"
import type { GatewaySettings } from "../src/gateway/index.ts"
import { startServer } from "../src/server.ts"
import { defaultLog } from "../src/log-address.ts"
import type { Logger } from "../src/logger.ts"
import { temporaryFolder } from "./temporary-folder.ts"

/** A hub server in this process. */
export interface TestServer {
  readonly url: string
  readonly port: number
  readonly data: string
  /** The admin port's URL, when there is one. */
  readonly adminUrl: string
  /** What went wrong in it. */
  readonly errors: unknown[]
  /** Applies changed settings, as SIGHUP does. */
  reload(changed: object): Reloaded
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
    refuse,
    limits = {},
    upstream,
    auth,
    gateway: { upstreams = [], limits: gatewayLimits = {}, ...gateway } = {},
    ...rest
  }: {
    data?: string
    log?: string
    demo?: boolean
    host?: string
    presence?: readonly string[]
    publishRate?: number
    refuse?: "soft" | "status"
    limits?: Partial<Config["limits"]>
    auth?: AuthOptions
    upstream?: GatewaySettings["upstreams"][number]
    gateway?: Partial<GatewaySettings> & { heartbeat?: number }
    /** Further settings, as in a configuration file. */
    publicUrls?: readonly string[]
    trustedProxies?: readonly string[]
    admin?: { port: number; host?: string }
    metrics?: { topics: readonly string[] }
    cors?: { origins: readonly string[]; credentials?: boolean }
    presenceGrace?: number
    webhooks?: readonly object[]
    tls?: { cert: string; key: string }
    mercure?: Readonly<Record<string, unknown>>
    retention?: object
    insecure?: boolean
    heartbeat?: string
    maxStreamAge?: string
  } = {},
): Promise<TestServer> {
  const errors: unknown[] = []
  const tree = {
    port: 0,
    host,
    insecure: true,
    data,
    log,
    demo,
    accessLog: join(data, "access.log"),
    presence,
    limits: { ...limits, ...(publishRate !== undefined && { publishRate }), ...(refuse && { refuse }) },
    ...rest,
  }
  const read = (changed: object): Config => parseConfig(JSON.parse(JSON.stringify({ ...tree, ...changed })) as object)
  const config = read({})
  const logger: Logger = {
    log() {},
    report: (error) => errors.push(error),
    prints: () => false,
    setLevel() {},
    addFields() {},
  }
  const server = await startServer(
    {
      ...config,
      ...(auth && { auth }),
      gateway: {
        ...config.gateway,
        ...gateway,
        upstreams: upstream ? [upstream] : [...upstreams],
        limits: { ...config.gateway.limits, ...gatewayLimits },
      } as Config["gateway"],
      // as on an address of this machine only
      drain: { duration: 500, delay: 0 },
    },
    logger,
  )
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= server.close())
  t.after(close)
  const { address, admin: adminAddress } = server
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    adminUrl: `http://127.0.0.1:${adminAddress?.port ?? "none"}`,
    data,
    errors,
    reload: (changed) => server.reload({ ...config, ...read(changed), ...(auth && { auth }) }),
    close,
  }
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
