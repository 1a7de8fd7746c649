import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { parseAllDocuments } from "yaml"
import { loadConfig, readFlags } from "../src/config/index.ts"
import { settings } from "../src/config/settings.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const folder = new URL("../deploy/", import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, folder), "utf8")

/** The part of a parsed file at a path. */
const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce((part, key) => (part as Readonly<Record<string | number, unknown>> | undefined)?.[key], value)

const objects = parseAllDocuments(read("kubernetes.yaml")).map((document) => {
  assert.deepEqual(document.errors, [])
  return document.toJS() as Readonly<Record<string, unknown>>
})
const find = (kind: string): unknown => objects.find((object) => object["kind"] === kind) ?? assert.fail(kind)
const pod = at(find("Deployment"), "spec", "template", "spec")
const container = at(pod, "containers", 0)

test("the configuration in the Kubernetes manifest is valid, and opens the hub only with authentication", async (t) => {
  const path = join(temporaryFolder(t), "onward.yaml")
  writeFileSync(path, String(at(find("ConfigMap"), "data", "onward.yaml")))
  const env = { LOG_ADDRESS: "redis://store:6379", PUBLISH_KEY_HASH: "ab".repeat(32), ONWARD_HOST: "0.0.0.0" }
  const names = (at(container, "env") as { name: string }[]).map(({ name }) => name)
  assert.deepEqual(names, ["LOG_ADDRESS", "PUBLISH_KEY_HASH"])
  const { config } = await loadConfig(readFlags(["--config", path]), env)
  assert.equal(config.auth?.keys?.[0]?.sha256, env.PUBLISH_KEY_HASH)
  const { delay, duration } = config.drain
  assert.ok(Number(at(pod, "terminationGracePeriodSeconds")) * 1_000 > delay + duration + 2_500)
})

test("the Kubernetes manifest runs the hub without privileges, and each probe requests its own path", () => {
  assert.equal(at(pod, "securityContext", "runAsNonRoot"), true)
  assert.equal(at(container, "securityContext", "readOnlyRootFilesystem"), true)
  assert.deepEqual(at(container, "securityContext", "capabilities", "drop"), ["ALL"])
  assert.equal(at(container, "livenessProbe", "httpGet", "path"), "/livez")
  assert.equal(at(container, "readinessProbe", "httpGet", "path"), "/readyz")
  assert.equal(at(pod, "enableServiceLinks"), false)
})

test("variables in the Dockerfile and the systemd unit are settings", () => {
  const known = new Set(settings.map(({ env }) => env))
  for (const file of ["Dockerfile", "onward.service"]) {
    const names = [...read(file).matchAll(/\b(ONWARD_[A-Z_]+)=/g)].map(([, name = ""]) => name)
    assert.ok(names.length > 0)
    assert.deepEqual(
      names.filter((name) => !known.has(name)),
      [],
      file,
    )
  }
  assert.match(read("Dockerfile"), /^USER 10001:10001$/m)
  assert.match(read("Dockerfile"), /^HEALTHCHECK .*"health"\]$/m)
})

test("systemd accepts the unit and its socket", (t) => {
  const files = ["onward.service", "onward.socket"].map((name) => {
    const path = join(temporaryFolder(t), name)
    writeFileSync(path, read(name))
    return path
  })
  const { error, status, stderr } = spawnSync("systemd-analyze", ["verify", ...files], { encoding: "utf8" })
  if (error) return t.skip("systemd-analyze is not installed")
  assert.equal(status, 0, stderr)
  assert.equal(stderr.replaceAll(/^.*(?:Failed to (?:connect|open)|onward\.socket: Unit).*\n/gm, ""), "")
})
