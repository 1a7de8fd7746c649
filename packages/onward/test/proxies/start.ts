import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { get } from "node:http"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { selfSigned } from "../adapters/certificate.ts"
import { onPath } from "../on-path.ts"
import { reservePort } from "../reserve-port.ts"
import type { Setup, Use } from "./setup.ts"

/** How long a proxy may take to listen, in ms. Varnish compiles its configuration first. */
const START_MS = 120_000

/** A proxy in front of a server. */
export interface Proxy {
  readonly port: number
  readonly url: string
  /** Its certificate, which it signed itself. */
  readonly certificate: string
  /** Whether it speaks HTTP/2 without TLS, to those who know. */
  readonly isHttp2InCleartext: boolean
  /** Ends it as a crash would. */
  kill(): Promise<void>
  /** Starts it again, after `kill`, at the same port. */
  restart(): Promise<void>
  /** Ends it for good. */
  close(): Promise<void>
}

/** Why a proxy's tests are skipped on this machine; false when they can run. */
export const missing = ({ program }: Setup): string | false =>
  onPath(program) === undefined && `${program} is missing: \`npm test\` installs it on Debian, as root`

export function versionOf({ program, version }: Setup): string {
  const { stdout, stderr } = spawnSync(onPath(program) ?? program, version, { encoding: "utf8" })
  return /\d+\.[\d.]*\d/.exec(stdout + stderr)?.[0] ?? "?"
}

const running = new Set<ChildProcess>()
const endAll = (): void => running.forEach(endGroup)

// proxies are in groups of their own, so that their workers end with them; nobody else would end them
process.once("exit", endAll)
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    endAll()
    process.kill(process.pid, signal)
  })
}

/** Starts a proxy in front of port `origin`; resolves once it forwards: a request for `ready` is answered with 200. */
export async function start(setup: Setup, use: Use, origin: number, ready = "/ready"): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), "onward-proxy-"))
  const port = await reservePort()
  const { key, cert } = selfSigned()
  const { files, args, leftovers = [] } = setup.launch({ use, folder, port, origin })
  const written = { "key.pem": key, "cert.pem": cert, "both.pem": cert + key, ...files }
  for (const [name, content] of Object.entries(written)) writeFileSync(join(folder, name), content)
  for (const name of ["", "cache"]) {
    mkdirSync(join(folder, name), { recursive: true })
    // as root, most become another user
    chmodSync(join(folder, name), 0o777)
  }
  const program = onPath(setup.program) ?? setup.program
  let child: ChildProcess | undefined

  async function launch(): Promise<void> {
    // a file, because some open what they write to once more
    const output = openSync(join(folder, "log"), "a", 0o666)
    const started = (child = spawn(program, args, {
      cwd: folder,
      detached: true,
      env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
      stdio: ["ignore", output, output],
    }))
    closeSync(output)
    running.add(started)
    started.once("close", () => running.delete(started))
    const isUp = use === "http2" ? accepts : (at: number) => answers(at, ready)
    for (const end = performance.now() + START_MS; !(await isUp(port));) {
      if (started.exitCode === null && started.signalCode === null && performance.now() < end) {
        await sleep(20)
        continue
      }
      endGroup(started)
      const said = readFileSync(join(folder, "log"), "utf8")
      throw new Error(`${setup.name} (${use}) does not come up: ${said.slice(-4_000)}`)
    }
  }

  /** Until it comes up: the worker of one that was killed may outlive it for a moment, and have the port as long. */
  async function restart(): Promise<void> {
    for (const end = performance.now() + START_MS; ;) {
      try {
        return await launch()
      } catch (error) {
        if (performance.now() > end) throw error
        await sleep(100)
      }
    }
  }

  async function kill(): Promise<void> {
    const ending = child
    if (!ending || !running.has(ending)) return
    const closed = new Promise((resolve) => ending.once("close", resolve))
    endGroup(ending)
    await closed
  }

  async function close(): Promise<void> {
    await kill()
    for (const path of [folder, ...leftovers]) rmSync(path, { recursive: true, force: true })
  }

  try {
    await launch()
  } catch (error) {
    await close()
    throw error
  }
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    certificate: cert,
    isHttp2InCleartext: setup.isHttp2InCleartext === true,
    kill,
    restart,
    close,
  }
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL")
  } catch {
    // it ended by itself
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })

const answers = (port: number, path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get({ port, host: "127.0.0.1", path, agent: false }, (response) => {
      response.resume()
      response.on("close", () => resolve(response.statusCode === 200))
    })
    request.on("error", () => resolve(false))
  })
