import assert from "node:assert/strict"
import { test } from "node:test"
import { loadConfig, type Config, type Environment } from "../../src/config/index.ts"
import { UsageError } from "../../src/usage-error.ts"

const KEY = "a secret of more than thirty-two bytes, for both"
const CONTAINER = { SERVER_NAME: ":80", MERCURE_PUBLISHER_JWT_KEY: KEY, MERCURE_SUBSCRIBER_JWT_KEY: KEY }
const NO_FLAGS = { words: [], config: undefined, isHelp: false, isVersion: false, given: [] }

const load = async (env: Environment): Promise<Config> => (await loadConfig(NO_FLAGS, env)).config

const refused = async (env: Environment, why: RegExp): Promise<void> => {
  await assert.rejects(load({ ...CONTAINER, ...env }), (error) => {
    assert.ok(error instanceof UsageError)
    assert.match(error.message, why)
    return true
  })
}

test("the variables of the reference hub's container start a hub as they are", async () => {
  const { host, port, mercure, auth } = await load({ ...CONTAINER, MERCURE_SUBSCRIBER_JWT_ALG: "HS512" })
  assert.deepEqual([host, port], ["0.0.0.0", 80])
  assert.deepEqual(mercure?.publisher, { key: KEY })
  assert.deepEqual(mercure?.subscriber, { key: KEY, algorithm: "HS512" })
  assert.equal(mercure?.path, "/.well-known/mercure")
  assert.equal(mercure?.anonymous, false)
  // Onward's own API is closed
  assert.deepEqual(auth, {})
})

test("known directives of the reference hub are settings", async () => {
  const config = await load({
    ...CONTAINER,
    MERCURE_EXTRA_DIRECTIVES: `
      # comments and blank lines are skipped
      anonymous
      subscriptions
      cors_origins https://app.example.com "https://www.example.com"
      publish_origins https://app.example.com  # for cookies
      cookie_name session
      heartbeat 40s
      write_timeout 10m
      protocol_version_compatibility 8
      resource_identifier https://example.com/.well-known/mercure
    `,
  })
  const { anonymous, subscriptions, publishOrigins, cookie, legacyCookie, resource } = config.mercure ?? {}
  assert.deepEqual(config.cors, { origins: ["https://app.example.com", "https://www.example.com"], credentials: true })
  assert.deepEqual([anonymous, subscriptions, publishOrigins], [true, true, ["https://app.example.com"]])
  assert.deepEqual([cookie, legacyCookie], ["session", "session"])
  assert.deepEqual([config.heartbeat, config.maxStreamAge], [40_000, 600_000])
  assert.equal(resource, "https://example.com/.well-known/mercure")
  const open = await load({ ...CONTAINER, MERCURE_EXTRA_DIRECTIVES: "cors_origins *\nwrite_timeout 0s" })
  assert.deepEqual(open.cors, { origins: ["*"], credentials: false })
  assert.equal(open.maxStreamAge, undefined)
})

test("issuers of Mercure 1.0 have the keys of publishers and subscribers", async () => {
  const { mercure, publicUrls } = await load({
    ...CONTAINER,
    SERVER_NAME: "http://hub.example.com",
    MERCURE_SUBSCRIBER_JWT_KEY: `${KEY}, the second`,
    MERCURE_TRUSTED_ISSUERS: "https://app.example.com",
  })
  assert.deepEqual(publicUrls, ["http://hub.example.com"])
  assert.deepEqual(mercure?.issuers, [
    { issuer: "https://app.example.com", secret: KEY, actions: ["publish"] },
    { issuer: "https://app.example.com", secret: `${KEY}, the second`, actions: ["subscribe"] },
  ])
})

test("a variable or directive that Onward does not have ends the start, with advice", async () => {
  await refused({ MERCURE_EXTRA_DIRECTIVES: "transport bolt {" }, /"transport bolt \{".*Set ONWARD_LOG/)
  await refused({ MERCURE_EXTRA_DIRECTIVES: "demo" }, /demo.*Remove it/)
  await refused({ MERCURE_EXTRA_DIRECTIVES: "toString" }, /toString.*docs\/mercure\.md/)
  await refused({ MERCURE_TRANSPORT_URL: "bolt://mercure.db" }, /MERCURE_TRANSPORT_URL.*ONWARD_LOG/)
  await refused({ MERCURE_FOO: "x" }, /MERCURE_FOO/)
  await refused({ SERVER_NAME: "hub.example.com" }, /certificate.*SERVER_NAME=:80/)
  await refused({ MERCURE_TRUSTED_ISSUERS: "https://app.example.com" }, /mercure\.resource or publicUrls/)
  await refused({ MERCURE_EXTRA_DIRECTIVES: "heartbeat soon" }, /MERCURE_EXTRA_DIRECTIVES \(heartbeat\)/)
})

test("the keys of the documentation are refused where other machines reach the hub", async () => {
  for (const key of ["!ChangeMe!", "!ChangeThisMercureHubJWTSecretKey!"]) {
    await refused({ MERCURE_PUBLISHER_JWT_KEY: key }, /MERCURE_PUBLISHER_JWT_KEY.*openssl/)
    const { mercure } = await load({ MERCURE_PUBLISHER_JWT_KEY: key })
    assert.equal(mercure?.publisher?.key, key)
  }
})

test("without a variable of the reference hub, SERVER_NAME means nothing", async () => {
  const { port, mercure } = await load({ SERVER_NAME: ":80" })
  assert.deepEqual([port, mercure], [4_000, undefined])
})
