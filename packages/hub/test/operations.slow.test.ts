import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { get } from "node:http"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { runOnward, serveOnward } from "./onward.ts"
import { readEvents } from "./read-events.ts"
import { publish } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
const program = [process.execPath, "--conditions=onward-source", bin]

const statusOf = async (url: string): Promise<number> => {
  const response = await fetch(url)
  await response.body?.cancel()
  return response.status
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await isSo()) return
    await sleep(20)
  }
  assert.fail(`${what} did not happen`)
}

test("a hub that is told to end becomes not ready at once, serves during the delay, and then spreads the closes", async (t) => {
  // long enough for a busy machine to ask all that is asked meanwhile
  const args = ["--drain-delay", "5000", "--drain", "300", "--no-demo"]
  const { url, child, ended } = await serveOnward(t, { data: temporaryFolder(t), args })
  const streams = await Promise.all([1, 2, 3].map(() => fetch(`${url}/events?topic=a`)))
  child.kill("SIGTERM")
  await until("/readyz answers 503", async () => (await statusOf(`${url}/readyz`)) === 503)
  assert.equal(await statusOf(`${url}/livez`), 200)
  await publish(url, { topic: "a", data: "during the delay" })
  const late = await fetch(`${url}/events?topic=a&last=1`)
  for (const stream of [...streams, late]) {
    const text = await stream.text()
    assert.match(text, /data: during the delay\n/)
    assert.match(text, /\nretry: \d+\n/)
  }
  assert.equal(await ended, 0)
})

for (const workers of [1, 2]) {
  test(`SIGHUP applies a changed file, reports which settings need a restart, and keeps streams, with ${workers} workers`, async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, "onward.yaml")
    const write = (rate: number, more = ""): void =>
      writeFileSync(file, `limits: { publishRate: ${rate}, streams: 100 }\nworkers: ${workers}\n${more}`)
    write(0)
    const args = ["--config", file, "--no-demo"]
    const { url, child, printed } = await serveOnward(t, { data: folder, args })
    const stream = await fetch(`${url}/events?topic=a`)
    write(0, "prot: 1\n")
    child.kill("SIGHUP")
    await until("the mistake is told", () => /was not reloaded\. .*Did you mean .*port/.test(printed()))
    const origin = "https://app.example.com"
    const fromApp = async (): Promise<number> =>
      (await fetch(`${url}/livez`, { headers: { origin, "sec-fetch-site": "cross-site" } })).status
    assert.equal(await fromApp(), 403)
    write(0, `cors: { origins: [${origin}] }\nheartbeat: 20s\n`)
    child.kill("SIGHUP")
    await until("the change is told", () => /was reloaded: cors\.origins changed/.test(printed()))
    await until("the rest is told", () => /A restart is needed for the changes of heartbeat\./.test(printed()))
    // at once, in all workers
    assert.deepEqual([...new Set(await Promise.all(Array.from({ length: 20 }, fromApp)))], [200])
    await publish(url, { topic: "a", data: "still here" })
    for await (const chunk of stream.body ?? []) if (Buffer.from(chunk).toString().includes("still here")) break
  })
}

/** Opens a socket as systemd does, and starts a program with it again and again. */
const SYSTEMD = `
use strict; use Socket; use POSIX (); $| = 1; $^F = 3;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die; bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die; listen($s, 1024) or die;
POSIX::dup2(fileno($s), 3) if fileno($s) != 3;
my ($port) = sockaddr_in(getsockname($s)); print "port $port\\n";
for (1 .. 2) {
  my $pid = fork; if (!$pid) { $ENV{LISTEN_FDS} = 1; $ENV{LISTEN_PID} = $$; exec @ARGV } print "pid $pid\\n"; waitpid $pid, 0;
}
`

test("with a systemd socket a restart refuses no connection, and keeps published messages", async (t) => {
  const args = ["serve", "--data", temporaryFolder(t), "--no-demo"]
  const systemd = spawn("perl", ["-e", SYSTEMD, ...program, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  let printed = ""
  for (const stream of [systemd.stdout, systemd.stderr]) stream.on("data", (chunk) => (printed += String(chunk)))
  const pids = (): number[] => [...printed.matchAll(/^pid (\d+)$/gm)].map(([, pid]) => Number(pid))
  const ended = once(systemd, "exit")
  t.after(async () => {
    systemd.kill("SIGKILL")
    for (const pid of pids()) spawnSync("kill", ["-9", String(pid)])
    await ended
  })
  await until("it listens", () => /Onward listens on/.test(printed))
  const port = Number(/^port (\d+)$/m.exec(printed)?.[1])
  assert.match(printed, new RegExp(`listens on http://127\\.0\\.0\\.1:${port}, `))
  const url = `http://127.0.0.1:${port}`
  await publish(url, { topic: "a", data: "before" })
  process.kill(pids()[0] as number, "SIGTERM")
  // each on a connection of its own, while no process accepts any
  const asked: number[] = []
  while (!/Onward listens on[^]*Onward listens on/.test(printed)) asked.push(await ask(`${url}/livez`))
  assert.ok(asked.length > 0)
  assert.deepEqual([...new Set(asked)], [200])
  const [event] = await readEvents(`${url}/events?topic=a&last=1`, 1)
  assert.equal(event?.data, "before")
  process.kill(pids()[1] as number, "SIGTERM")
  await ended
})

async function ask(url: string): Promise<number> {
  const [{ statusCode = 0 }] = (await once(get(url, { agent: false }), "response")) as [{ statusCode?: number }]
  return statusCode
}

/** The id of a user that may do nothing here. */
const USER = 10_001

test("as process 1 of a container, as another user and with a read-only root, it serves and ends by SIGTERM", async (t: TestContext) => {
  if (process.getuid?.() !== 0) return t.skip("only root can make namespaces")
  const data = join(temporaryFolder(t), "data")
  mkdirSync(data)
  chmodSync(join(data, ".."), 0o755)
  chownSync(data, USER, USER)
  const inside = [
    `mount --bind ${data} ${data} && mount -o remount,bind,ro / && mount -o remount,bind,rw ${data}`,
    `exec setpriv --reuid=${USER} --regid=${USER} --clear-groups --no-new-privs --inh-caps=-all "$@"`,
  ].join(" && ")
  const command = ["--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", inside, "sh", ...program]
  const serve = ["serve", "--port", "0", "--data", data, "--no-demo"]
  const env = { ...process.env, NODE_COMPILE_CACHE: "" }
  const child = spawn("unshare", [...command, ...serve], { stdio: ["ignore", "pipe", "pipe"], env })
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed += String(chunk)))
  const ended = once(child, "exit")
  t.after(async () => {
    child.kill("SIGKILL")
    await ended
  })
  await until("it listens", () => /listens on/.test(printed) || child.exitCode !== null)
  const url = /"url":"([^"]+)"/.exec(printed)?.[1] ?? assert.fail(printed)
  await publish(url, { topic: "a", data: "x" })
  const inner = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim())
  const status = readFileSync(`/proc/${inner}/status`, "utf8")
  assert.match(status, new RegExp(`^NSpid:\\s+${inner}\\s+1$`, "m"))
  assert.match(status, new RegExp(`^Uid:\\s+${USER}\\s+${USER}\\s`, "m"))
  assert.match(status, /^CapEff:\s+0+$/m)
  process.kill(inner, "SIGTERM")
  const [code] = await ended
  assert.equal(code, 0, printed)
})

test("onward health, backup and restore work from the command line", async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, "backup.db")
  const options = ["--data", join(folder, "data")]
  const first = await serveOnward(t, { data: join(folder, "data") })
  await publish(first.url, { topic: "a", data: "kept" })
  const [health, backup] = [
    runOnward(t, ["health", "--port", String(first.port)]),
    runOnward(t, ["backup", file, ...options]),
  ]
  assert.deepEqual([await health.ended, await backup.ended], [0, 0], backup.printed())
  const early = runOnward(t, ["restore", file, ...options])
  assert.equal(await early.ended, 1)
  assert.match(early.printed(), /a process has it open\. Stop the hub, then restore\. \(log_unavailable\)\n$/)
  first.child.kill("SIGTERM")
  await first.ended
  const [gone, restore] = [
    runOnward(t, ["health", "--port", String(first.port)]),
    runOnward(t, ["restore", file, ...options]),
  ]
  assert.deepEqual([await gone.ended, await restore.ended], [1, 0], restore.printed())
  assert.match(restore.printed(), /in a new epoch\.\nThe files that were there are now .*\.replaced-/)
  const second = await serveOnward(t, { data: join(folder, "data") })
  assert.equal((await readEvents(`${second.url}/events?topic=a&last=1`, 1))[0]?.data, "kept")
})
