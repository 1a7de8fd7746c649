import * as v from "valibot"
import { origins } from "./origins.ts"
import { group, setting } from "./setting.ts"
import { boolean, described, duration, integer, list, object, text } from "./values.ts"

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 366 * DAY

const topics = () => list(text("topics or patterns"), "topics or patterns")
const names = () => v.exactOptional(v.array(text()))

/** What follows has the names of `AuthOptions`, which says what each is for. */
const key = object({
  name: text(),
  sha256: v.exactOptional(text()),
  key: v.exactOptional(text()),
  publish: names(),
  subscribe: names(),
  admin: v.exactOptional(v.boolean()),
})

const issuer = object({
  issuer: text(),
  audience: v.union([text(), v.array(text())]),
  secret: v.exactOptional(text()),
  publicKey: v.exactOptional(text()),
  jwks: v.exactOptional(text()),
  allowPrivateJwks: v.exactOptional(v.boolean()),
  algorithms: names(),
  userIdClaim: v.exactOptional(text()),
  grantsClaim: v.exactOptional(text()),
  clockTolerance: v.exactOptional(v.number()),
})

const permission = object({
  when: v.exactOptional(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]))),
  publish: names(),
  subscribe: names(),
})

/** Settings of authentication; `AuthOptions` says more of each. */
export const auth = group({
  keys: setting(described(v.array(key), { expects: "a list of keys", isStructured: true, shape: v.array(key) }), {
    about: "Keys of backends: `name`, `sha256` or `key`, `publish`, `subscribe`, `admin`.",
    otherwise: "none",
    flag: null,
    isSecret: true,
    isReloadable: true,
  }),
  issuers: setting(
    described(v.array(issuer), { expects: "a list of issuers", isStructured: true, shape: v.array(issuer) }),
    {
      about:
        "Issuers of JSON Web Tokens: `issuer`, `audience`, one of `secret`, `publicKey` and `jwks`, and `allowPrivateJwks`, `algorithms`, `userIdClaim`, `grantsClaim`, `clockTolerance` (ms).",
      otherwise: "none",
      flag: null,
      isSecret: true,
      isReloadable: true,
    },
  ),
  permissions: setting(
    described(v.array(permission), {
      expects: "a list of permissions",
      isStructured: true,
      shape: v.array(permission),
    }),
    {
      about: "Grants for tokens without grants of their own: `when`, `publish`, `subscribe`.",
      otherwise: "none",
      flag: null,
      isReloadable: true,
    },
  ),
  anonymous: group({
    publish: setting(topics(), {
      about: "Topics to which requests without a credential may publish.",
      otherwise: "none",
      isReloadable: true,
    }),
    subscribe: setting(topics(), {
      about: "Topics to which requests without a credential may subscribe.",
      otherwise: "none",
      isReloadable: true,
    }),
  }),
  forward: group({
    url: setting(text("a URL"), {
      about: "A server of the application that the hub asks about requests without a key, token or ticket.",
      otherwise: "no server is asked",
      isReloadable: true,
    }),
    headers: setting(list(text("names of headers"), "names of headers"), {
      about: "Request headers that are sent to it.",
      otherwise: "`cookie`",
      isReloadable: true,
    }),
    cache: setting(duration(0, HOUR), {
      about: "How long an answer is valid for further requests.",
      otherwise: "`10s`",
      isReloadable: true,
    }),
    recheck: setting(duration(SECOND, DAY), {
      about: "How often the server is asked again about open streams.",
      otherwise: "`1m`",
      isReloadable: true,
    }),
    timeout: setting(duration(1, MINUTE), {
      about: "How long an answer may take.",
      otherwise: "`2s`",
      isReloadable: true,
    }),
  }),
  cookie: group({
    name: setting(text("the name of a cookie"), {
      about: "A cookie in which browsers send a token. Cookies are read when `name` or `origins` is set.",
      otherwise: "`__Host-onward`",
      isReloadable: true,
    }),
    origins: setting(origins(), {
      about: "Origins besides the hub's own whose pages may publish by the cookie.",
      otherwise: "none",
      isReloadable: true,
    }),
  }),
  tickets: group({
    secret: setting(text("at least 32 bytes"), {
      about: "Signs tickets for clients that cannot send headers. All hubs that share a log need the same.",
      otherwise: "there are no tickets",
      isReloadable: true,
      isSecret: true,
    }),
    expiresIn: setting(duration(SECOND, HOUR), {
      about: "Within which time a ticket must be used.",
      otherwise: "`30s`",
      isReloadable: true,
    }),
    reconnect: setting(boolean(), {
      about: "Whether a used ticket is accepted with `Last-Event-ID` until its grants expire.",
      otherwise: "`false`",
      isReloadable: true,
    }),
  }),
  streamsPerUser: setting(integer(1, 1_000_000), {
    about: "Streams open at once of one user in one process.",
    otherwise: "`100`",
  }),
  maxTokenLifetime: setting(duration(MINUTE, YEAR), {
    about: "Maximum remaining lifetime of an accepted token; revocations are kept for as long.",
    otherwise: "`1d`",
  }),
})
