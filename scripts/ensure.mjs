// Installs what is missing. Plain JavaScript without dependencies, because it runs before they are installed, on any
// Node from version 20.
import { spawnSync } from "node:child_process"
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))
export const binaries = join(root, "node_modules", ".bin")
/** The Node for development: the dev dependency `node`, not the machine's. */
export const pinnedNode = join(binaries, "node")

const OLDEST_NODE = 20
const CHROMIUM_NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]
const FIREFOX_NAMES = ["firefox-esr", "firefox"]
/** Debian's package of each proxy in tests, by its program. */
const PROXIES = {
  nginx: "nginx-light",
  haproxy: "haproxy",
  apache2: "apache2-bin",
  varnishd: "varnish",
  caddy: "caddy",
  lighttpd: "lighttpd",
  squid: "squid",
}
/** Debian's package of each store of logs, by its program. */
const STORES = {
  postgres: "postgresql",
  "redis-server": "redis-server",
  "nats-server": "nats-server",
  pgbouncer: "pgbouncer",
}
/** Debian's packages for a test with Symfony's Mercure client, and their folder. */
const PHP_PACKAGES = ["php-cli", "php-curl", "php-mbstring", "php-symfony-mercure", "php-symfony-http-client"]
const PHP_LIBRARIES = "/usr/share/php/Symfony/Component"
/** The systemd units whose names differ from the program's. */
const UNITS = { varnishd: "varnish", postgres: "postgresql", promtool: "prometheus" }
/** The exit code of this program tells Debian whether to start the servers that it installs. */
const POLICY = "/usr/sbin/policy-rc.d"

/** What can be missing: how to detect and install it, and the messages. */
const needs = {
  packages: {
    present: () => packagesMatchLock() && pinnedNodeWorks(),
    announce: "Installing the npm packages of package-lock.json (under a minute) …",
    install: () => run("npm", ["ci", "--loglevel=error", "--no-progress"]) && pinnedNodeWorks(),
    remedy:
      "The npm packages could not be installed. Check the network, then run `npm ci --foreground-scripts` to see why.",
  },
  chromium: browser("Chromium", ["chromium"], () => CHROMIUM_NAMES.some(onPath)),
  firefox: browser("Firefox", ["firefox-esr"], () => FIREFOX_NAMES.some(onPath)),
  runtimes: {
    present: () => runtimesFetched(),
    announce: "Fetching Bun, Deno and workerd for the tests of the client (under a minute) …",
    install: () => run(pinnedNode, ["scripts/runtime.ts"]) && runtimesFetched(),
    remedy: "Bun, Deno or workerd could not be fetched. Check the network, then run `npm run runtimes` to see why.",
    optional: !process.env.CI,
  },
  // WebKit has no headless mode, so Xvfb provides a virtual screen
  webkit: browser("WebKit", ["webkit2gtk-driver", "xvfb"], () => ["WebKitWebDriver", "Xvfb"].every(onPath)),
  faketime: {
    present: () => onPath("faketime"),
    announce: "Installing Debian's faketime for the tests that set a process's wall clock (under a minute) …",
    install: () => installDebianPackages(["faketime"]),
    remedy: "faketime is missing, so its tests are skipped. Run `apt-get install faketime` as root.",
    optional: !process.env.CI,
  },
  php: {
    present: () => onPath("php") && existsSync(`${PHP_LIBRARIES}/Mercure/autoload.php`),
    announce: "Installing Debian's PHP and Symfony's Mercure client for its test (under a minute) …",
    install: () => installDebianPackages(PHP_PACKAGES),
    remedy: `Symfony's Mercure client is missing, so its test is skipped. Run \`apt-get install ${PHP_PACKAGES.join(" ")}\` as root.`,
    optional: !process.env.CI,
  },
  promtool: {
    present: () => onPath("promtool"),
    announce: "Installing Debian's prometheus for the check of the hub's metrics (under a minute) …",
    install: () => installServers({ promtool: "prometheus" }),
    remedy: "promtool is missing, so its test is skipped. Run `apt-get install prometheus` as root.",
    optional: !process.env.CI,
  },
  zstd: {
    present: () => onPath("zstd"),
    announce: "Installing Debian's zstd for the check of compressed streams (under a minute) …",
    install: () => installDebianPackages(["zstd"]),
    remedy: "zstd is missing, so its test is skipped. Run `apt-get install zstd` as root.",
    optional: !process.env.CI,
  },
  proxies: servers("proxies", PROXIES),
  stores: servers("stores", STORES),
}

/** Servers that tests start, by program and Debian's package. Optional outside CI. */
function servers(kind, packages) {
  return {
    present: () => Object.keys(packages).every(onPath),
    announce: `Installing the missing ${kind} of Debian for their tests, without starting them (under a minute) …`,
    install: () => installServers(packages),
    remedy: `Some ${kind} are missing, so their tests are skipped. Run \`apt-get install ${Object.values(packages).join(" ")}\` as root.`,
    optional: !process.env.CI,
  }
}

/** A browser for tests. Optional outside CI: without it, its tests are skipped with a reason. */
function browser(name, packages, present) {
  const list = packages.join(" ")
  return {
    present,
    announce: `Installing Debian's ${list} for the browser tests (under a minute) …`,
    install: () => installDebianPackages(packages),
    remedy: `${name} is missing, so its tests are skipped. Run \`apt-get install ${list}\` as root.`,
    optional: !process.env.CI,
  }
}

/**
 * Installs each of the named needs if it is missing. If that fails, prints what to do and returns false.
 * @param {(keyof typeof needs)[]} names
 */
export function ensure(names) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    console.error(`Node ${process.versions.node} is too old. Install Node ${OLDEST_NODE} or newer.`)
    return false
  }
  for (const name of names) {
    const need = needs[name]
    if (need === undefined)
      throw new TypeError(`There is no need "${name}". Use one of ${Object.keys(needs).join(", ")}.`)
    if (need.present()) continue
    console.error(need.announce)
    if (need.install()) continue
    console.error(need.remedy)
    if (!need.optional) return false
  }
  return true
}

/** Whether the installed packages match the lock file. npm writes its hidden lock file last, so this detects an interrupted installation too. */
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

/** Returns Debian's folders for servers, which are not on every user's PATH. */
function serverFolders() {
  const postgres = "/usr/lib/postgresql"
  const versions = existsSync(postgres) ? readdirSync(postgres).sort((a, b) => Number(b) - Number(a)) : []
  return ["/usr/sbin", ...versions.map((version) => join(postgres, version, "bin"))]
}

let areListsFresh = false

/**
 * Installs packages of Debian. It updates the package lists first (a second), because those of a new machine are empty or outdated. If that fails,
 * it uses the lists of the machine.
 */
function installDebianPackages(names) {
  if (!onPath("apt-get")) return false
  const apt = asRoot(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2"])
  if (apt === undefined) return false
  const [program, ...args] = apt
  areListsFresh ||= run(program, [...args, "update"])
  return run(program, [...args, "install", "--yes", "--no-install-recommends", ...names])
}

/** Installs servers without starting them, now or at boot, because tests start their own. */
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
