// npm run lock: adds the native packages of every platform to package-lock.json.
//
// npm omits optional packages of other platforms (npm/cli#4828), and then refuses `npm ci` because they are missing. The packages that need them
// pin their versions, and their names contain the platform.
import { readFileSync, writeFileSync } from "node:fs"

interface Locked {
  readonly version?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly engines?: Readonly<Record<string, string>>
}

const FILE = "package-lock.json"
const PLATFORM = /\b(aix|android|darwin|freebsd|linux|openharmony|win32|wasm32)-(\w+)(?:-(gnu|musl)?\w*)?$/

const lock = JSON.parse(readFileSync(FILE, "utf8")) as { packages: Record<string, Locked> }
const missing: Record<string, object> = {}

for (const [path, { optionalDependencies = {}, engines }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const [shared, own] = [`node_modules/${name}`, `${path}/node_modules/${name}`]
    const isExact = /^\d+\.\d+\.\d+$/.test(version)
    if (own in lock.packages || (isExact ? lock.packages[shared]?.version === version : shared in lock.packages))
      continue
    const [, os, cpu, libc] = PLATFORM.exec(name) ?? []
    if (os === undefined || !isExact) {
      throw new Error(
        `${path} needs ${name}@${version}, whose name contains no platform. Run npm install on a platform that can install it.`,
      )
    }
    missing[shared in lock.packages ? own : shared] = {
      version,
      cpu: [os === "wasm32" ? os : cpu],
      dev: true,
      ...(libc && { libc: [libc === "gnu" ? "glibc" : libc] }),
      optional: true,
      ...(os !== "wasm32" && { os: [os] }),
      ...(engines && { engines }),
    }
  }
}

const packages = Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, "en"))
writeFileSync(FILE, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`)
console.log(`${Object.keys(missing).length} packages added to ${FILE}`)
