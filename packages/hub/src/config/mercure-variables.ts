import { UsageError } from "../usage-error.ts"
import { settings, type Setting } from "./settings.ts"
import { readVariable, type Environment, type Given } from "./sources.ts"

/**
 * The variables of the reference hub's container (dunglas/mercure), so that Onward can take its place. Its keys are aliases in the schema; here
 * are those that set other things. They count only if one of its own variables is set, because other programs use `SERVER_NAME` too.
 */
export function readMercureVariables(env: Environment): Given[] {
  const names = Object.keys(env).filter((name) => name.startsWith("MERCURE_") && env[name])
  if (names.length === 0) return []
  const unknown = names.find((name) => !KNOWN.test(name))
  if (unknown !== undefined) {
    throw new UsageError(`The variable ${unknown} of the reference hub is not supported. ${adviceFor(unknown)}`)
  }
  const tls = env["ONWARD_TLS_CERT"] !== undefined
  return [...ofServerName(env["SERVER_NAME"], tls), ...ofIssuers(env), ...ofDirectives(env[DIRECTIVES])]
}

const DIRECTIVES = "MERCURE_EXTRA_DIRECTIVES"
const KNOWN = /^MERCURE_(?:(?:PUBLISHER|SUBSCRIBER)_JWT_(?:KEY|ALG)(?:_FILE)?|TRUSTED_ISSUERS|EXTRA_DIRECTIVES)$/

const ADVICE: Readonly<Record<string, string>> = {
  MERCURE_TRANSPORT_URL: "Set ONWARD_LOG instead, to sqlite:<path>, redis://…, postgres://… or nats://….",
  MERCURE_URL: "It is a variable of applications; remove it from the environment of the hub.",
  MERCURE_PUBLIC_URL: "It is a variable of applications; use ONWARD_PUBLIC_URLS for the hub.",
  MERCURE_JWT_SECRET: "It is a variable of applications; use MERCURE_PUBLISHER_JWT_KEY for the hub.",
}

const adviceFor = (name: string): string => ADVICE[name] ?? "Remove it; docs/mercure.md lists the variables."

const given = (name: string, value: unknown, origin: string): Given => ({
  setting: settings.find((each) => each.name === name) as Setting,
  value,
  origin,
})

/** `:80`, `http://hub.example.com` or `localhost:8080`, several with commas. */
function ofServerName(text: string | undefined, hasTls: boolean): Given[] {
  if (!text) return []
  const origin = "SERVER_NAME"
  const names = text.split(",").map((name) => name.trim())
  const urls = names.map((name) => /^(?:(https?):\/\/)?([^:/]*)(?::(\d{1,5}))?\/?$/i.exec(name))
  const [first] = urls
  if (!first || urls.includes(null)) {
    throw new UsageError(`SERVER_NAME "${text}" cannot be read. Use :80, or http://hub.example.com.`)
  }
  const [, scheme, host = "", port] = first
  const isPlain = scheme?.toLowerCase() === "http" || (scheme === undefined && host === "" && port !== "443")
  if (!isPlain && !hasTls) {
    throw new UsageError(
      `SERVER_NAME "${text}" makes the reference hub get a certificate, which Onward does not do. Set SERVER_NAME=:80 behind a proxy that ends TLS, or ONWARD_TLS_CERT and ONWARD_TLS_KEY.`,
    )
  }
  const hosts = urls.flatMap((url) =>
    url?.[2] ? [`${isPlain ? "http" : "https"}://${url[2]}${url[3] ? `:${url[3]}` : ""}`] : [],
  )
  return [
    given("host", "0.0.0.0", origin),
    given("port", port ?? (isPlain ? "80" : "443"), origin),
    ...(hosts.length > 0
      ? [
          given(
            "publicUrls",
            hosts.map((host) => new URL(host).origin),
            origin,
          ),
        ]
      : []),
  ]
}

/** The issuers of Mercure 1.0, whose tokens the keys of publishers and subscribers verify. */
function ofIssuers(env: Environment): Given[] {
  const names = env["MERCURE_TRUSTED_ISSUERS"]?.split(/[\s,]+/).filter(Boolean) ?? []
  if (names.length === 0) return []
  const keyOf = (role: string): { secret?: string; publicKey?: string; algorithms?: string[] } | undefined => {
    const key = readVariable(env, `MERCURE_${role}_JWT_KEY`)?.value
    const algorithm = readVariable(env, `MERCURE_${role}_JWT_ALG`)?.value
    if (key === undefined) return undefined
    return {
      ...(key.includes("-----BEGIN") ? { publicKey: key } : { secret: key }),
      ...(algorithm !== undefined && { algorithms: [algorithm] }),
    }
  }
  const [publisher, subscriber] = [keyOf("PUBLISHER"), keyOf("SUBSCRIBER")]
  const issuers = names.flatMap((issuer) => [
    ...(publisher ? [{ issuer, ...publisher, actions: ["publish"] }] : []),
    ...(subscriber ? [{ issuer, ...subscriber, actions: ["subscribe"] }] : []),
  ])
  return [given("mercure.issuers", issuers, "MERCURE_TRUSTED_ISSUERS")]
}

type Read = (values: readonly string[]) => readonly (readonly [setting: string, value: unknown])[]

const one =
  (setting: string): Read =>
  ([value = ""]) => [[setting, value]]

/** What each directive of the reference hub's configuration sets. */
const READ: Readonly<Record<string, Read>> = {
  anonymous: () => [["mercure.anonymous", true]],
  subscriptions: () => [["mercure.subscriptions", true]],
  cors_origins: (origins) => [
    ["cors.origins", origins],
    ["cors.credentials", !origins.includes("*")],
  ],
  publish_origins: (origins) => [["mercure.publishOrigins", origins]],
  cookie_name: ([name = ""]) => [
    ["mercure.cookie", name],
    ["mercure.legacyCookie", name],
  ],
  heartbeat: one("heartbeat"),
  write_timeout: ([time = ""]) => (/^0\w*$/.test(time) ? [] : [["maxStreamAge", time]]),
  // each request is answered in its own dialect
  protocol_version_compatibility: () => [],
  resource_identifier: one("mercure.resource"),
  public_urls: (urls) => [["publicUrls", urls]],
}

const ADVICE_FOR: Readonly<Record<string, string>> = {
  transport: "Set ONWARD_LOG to sqlite:<path>, redis://…, postgres://… or nats://….",
  transport_url: "Set ONWARD_LOG to sqlite:<path>, redis://…, postgres://… or nats://….",
  demo: "Remove it: the demo page of Onward is on loopback addresses only.",
  ui: "Remove it: the demo page of Onward is on loopback addresses only.",
  issuer: "Set mercure.issuers in a configuration file.",
  publisher_jwt: "Set MERCURE_PUBLISHER_JWT_KEY and MERCURE_PUBLISHER_JWT_ALG.",
  subscriber_jwt: "Set MERCURE_SUBSCRIBER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_ALG.",
  publisher_jwks_url: "Set mercure.issuers with `jwks` in a configuration file.",
  subscriber_jwks_url: "Set mercure.issuers with `jwks` in a configuration file.",
  dispatch_timeout: "Set ONWARD_STALL_TIMEOUT.",
}

function ofDirectives(text: string | undefined): Given[] {
  const lines = (text ?? "").split("\n").map((line) => line.replace(/(?:^|\s)#.*$/, "").trim())
  return lines.filter(Boolean).flatMap((line) => {
    const [name = "", ...values] = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(
      ([, quoted, bare]) => quoted ?? bare ?? "",
    )
    const read = Object.hasOwn(READ, name) ? READ[name] : undefined
    if (!read) {
      throw new UsageError(
        `The directive "${line.slice(0, 80)}" of ${DIRECTIVES} is not supported. ${Object.hasOwn(ADVICE_FOR, name) ? ADVICE_FOR[name] : "Remove it; docs/mercure.md lists the directives."}`,
      )
    }
    return read(values).map(([setting, value]) => given(setting, value, `${DIRECTIVES} (${name})`))
  })
}
