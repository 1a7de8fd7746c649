// Installs what is missing and nothing else. Plain JavaScript without dependencies, because it runs before there are any,
// on the oldest Node a machine may bring (20).
import { spawnSync } from "node:child_process"
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))
export const binaries = join(root, "node_modules", ".bin")
/** The Node this repository is developed on: the dev dependency `node`, not the machine's. */
export const pinnedNode = join(binaries, "node")

const OLDEST_NODE = 20
const CHROMIUM_NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]
const FIREFOX_NAMES = ["firefox-esr", "firefox"]
/** Proxies in front of our servers in tests: Debian's package of each, by its program. */
const PROXIES = {
  nginx: "nginx-light",
  haproxy: "haproxy",
  apache2: "apache2-bin",
  varnishd: "varnish",
  caddy: "caddy",
  lighttpd: "lighttpd",
  squid: "squid",
}
/** Servers that logs are kept in: Debian's package of each, by its program. */
const STORES = {
  postgres: "postgresql",
  "redis-server": "redis-server",
  "nats-server": "nats-server",
  pgbouncer: "pgbouncer",
}
/** Their systemd units, where the name is not the program's. */
const UNITS = { varnishd: "varnish", postgres: "postgresql" }
/** By what it exits with, this program allows or forbids Debian to start the servers it installs. */
const POLICY = "/usr/sbin/policy-rc.d"

/** What may be missing, why it is needed, and how it gets here. */
const needs = {
  packages: {
    present: () => packagesMatchLock() && pinnedNodeWorks(),
    announce: "Installing the npm packages of package-lock.json (under a minute) …",
    install: () => run("npm", ["ci", "--loglevel=error", "--no-progress"]) && pinnedNodeWorks(),
    remedy:
      "The npm packages could not be installed: check the network, then run `npm ci --foreground-scripts` to see why.",
  },
  chromium: browser("Chromium", ["chromium"], () => CHROMIUM_NAMES.some(onPath)),
  firefox: browser("Firefox", ["firefox-esr"], () => FIREFOX_NAMES.some(onPath)),
  runtimes: {
    present: () => runtimesFetched(),
    announce: "Fetching Bun, Deno and workerd for the tests of the client (under a minute) …",
    install: () => run(pinnedNode, ["scripts/runtime.ts"]) && runtimesFetched(),
    remedy: "Bun, Deno or workerd could not be fetched: check the network, then run `npm run runtimes` to see why.",
    optional: !process.env.CI,
  },
  // WebKit has no mode without a screen, so it gets an invisible one
  webkit: browser("WebKit", ["webkit2gtk-driver", "xvfb"], () => ["WebKitWebDriver", "Xvfb"].every(onPath)),
  faketime: {
    present: () => onPath("faketime"),
    announce: "Installing Debian's faketime for the tests that set a process's wall clock (under a minute) …",
    install: () => installDebianPackages(["faketime"]),
    remedy: "faketime is missing and tests of the wall clock need it: run `apt-get install faketime` as root.",
    optional: !process.env.CI,
  },
  proxies: servers("proxies", PROXIES),
  stores: servers("stores", STORES),
}

/** Servers the tests start, by program and Debian's package. Optional where browsers are. */
function servers(kind, packages) {
  return {
    present: () => Object.keys(packages).every(onPath),
    announce: `Installing Debian's ${kind} that are missing for their tests, and starting none (under a minute) …`,
    install: () => installServers(packages),
    remedy: `Some ${kind} are missing and their tests need them: run \`apt-get install ${Object.values(packages).join(" ")}\` as root.`,
    optional: !process.env.CI,
  }
}

/** A browser the tests drive. Optional outside CI: without it, its tests are skipped with a reason. */
function browser(name, packages, present) {
  const list = packages.join(" ")
  return {
    present,
    announce: `Installing Debian's ${list} for the browser tests (under a minute) …`,
    install: () => installDebianPackages(packages),
    remedy: `${name} is missing and the browser tests need it: run \`apt-get install ${list}\` as root.`,
    optional: !process.env.CI,
  }
}

/**
 * Makes sure that everything named is there; returns false, having said what to do, when something cannot be installed.
 * @param {(keyof typeof needs)[]} names
 */
export function ensure(names) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    console.error(`Node ${process.versions.node} is too old: install Node ${OLDEST_NODE} or newer.`)
    return false
  }
  for (const name of names) {
    const need = needs[name]
    if (need === undefined) throw new TypeError(`ensure: nothing is known about "${name}"`)
    if (need.present()) continue
    console.error(need.announce)
    if (need.install()) continue
    console.error(need.remedy)
    if (!need.optional) return false
  }
  return true
}

/** npm writes what it installed to a hidden lockfile as its last step, so an interrupted installation is noticed too. */
function packagesMatchLock() {
  const wanted = readLock("package-lock.json")
  const installed = readLock("node_modules/.package-lock.json")
  if (wanted === undefined || installed === undefined) return false
  return Object.entries(wanted).every(([path, { version, link, optional }]) => {
    if (!path.includes("node_modules/") || link) return true
    return installed[path] === undefined ? optional === true : installed[path].version === version
  })
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8")).packages
  } catch {
    return undefined
  }
}

function runtimesFetched() {
  const runtimes = JSON.parse(readFileSync(join(root, "scripts/runtimes.json"), "utf8"))
  return Object.entries(runtimes).every(([name, version]) =>
    existsSync(join(root, `.cache/${name}-${version}/node_modules/.bin`, name)),
  )
}

function pinnedNodeWorks() {
  const wanted = readLock("package-lock.json")?.["node_modules/node"]?.version
  return spawnSync(pinnedNode, ["--version"], { encoding: "utf8" }).stdout?.trim() === `v${wanted}`
}

function onPath(name) {
  return [...(process.env.PATH ?? "").split(delimiter), ...serverFolders()].some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Where Debian keeps servers: not on every user's path. */
function serverFolders() {
  const postgres = "/usr/lib/postgresql"
  const versions = existsSync(postgres) ? readdirSync(postgres).sort((a, b) => Number(b) - Number(a)) : []
  return ["/usr/sbin", ...versions.map((version) => join(postgres, version, "bin"))]
}

let areListsFresh = false

/**
 * The package lists of a fresh machine are empty, or as old as its image: they name browsers from months ago, or files that are gone.
 * So they are updated (a second) before the first installation. Without an answer, what the machine knows has to do.
 */
function installDebianPackages(names) {
  if (!onPath("apt-get")) return false
  const apt = asRoot(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2"])
  if (apt === undefined) return false
  const [program, ...args] = apt
  areListsFresh ||= run(program, [...args, "update"])
  return run(program, [...args, "install", "--yes", "--no-install-recommends", ...names])
}

/** Debian would start a server once it is installed, and then with the machine; the tests start their own. */
function installServers(packages) {
  const programs = Object.keys(packages).filter((program) => !onPath(program))
  const mayForbid = !existsSync(POLICY)
  if (mayForbid && !runAsRoot(["sh", "-c", `printf '#!/bin/sh\\nexit 101\\n' > ${POLICY} && chmod 755 ${POLICY}`]))
    return false
  try {
    return installDebianPackages(programs.map((program) => packages[program]))
  } finally {
    if (mayForbid) runAsRoot(["rm", "--force", POLICY])
    if (existsSync("/run/systemd/system")) {
      const units = programs.filter((program) => program !== "apache2").map((program) => UNITS[program] ?? program)
      runAsRoot(["systemctl", "disable", "--quiet", ...units])
    }
  }
}

function runAsRoot(command) {
  const [program, ...args] = asRoot(command) ?? []
  return program !== undefined && run(program, args)
}

function asRoot(command) {
  if (process.getuid?.() === 0) return command
  if (!onPath("sudo")) return undefined
  return process.stdin.isTTY ? ["sudo", ...command] : ["sudo", "--non-interactive", ...command]
}

function run(command, args, options) {
  return spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], ...options }).status === 0
}
