import * as v from "valibot"
import { toPath, toPublishOrigin, toResource } from "./mercure-values.ts"
import { group, setting } from "./setting.ts"
import { boolean, checkedText, choice, described, duration, integer, list, object, text } from "./values.ts"

const issuer = object({
  issuer: text(),
  secret: v.exactOptional(text()),
  publicKey: v.exactOptional(text()),
  jwks: v.exactOptional(text()),
  allowPrivateJwks: v.exactOptional(v.boolean()),
  algorithms: v.exactOptional(v.array(text())),
  clockTolerance: v.exactOptional(v.number()),
  actions: v.exactOptional(v.array(v.picklist(["publish", "subscribe"]))),
})

/** A key of Mercure 0.x: `of` are the clients whose tokens it verifies, `variable` names the reference hub's variables. */
const key = (of: string, variable: string) =>
  group({
    key: setting(text("a secret or a public key"), {
      about: `Verifies the tokens of ${of} in Mercure 0.x: a secret of 32 bytes or more, or a public key in PEM format.`,
      otherwise: "not set",
      alias: `${variable}_JWT_KEY`,
      isSecret: true,
    }),
    algorithm: setting(text("an algorithm, such as HS256 or RS256"), {
      about: `The algorithm of the tokens of ${of}.`,
      otherwise: "`HS256`",
      alias: `${variable}_JWT_ALG`,
    }),
  })

/** Settings of the Mercure endpoint. */
export const mercure = group({
  enabled: setting(boolean(), {
    about: "Whether the hub serves the Mercure protocol, 0.x and 1.0; see docs/mercure.md.",
    otherwise: "`true` when another setting of `mercure` is set",
    flag: "mercure",
  }),
  path: setting(checkedText(toPath), {
    about: "The path of the Mercure endpoint.",
    otherwise: "`/.well-known/mercure`",
  }),
  anonymous: setting(boolean(), {
    about: "Whether requests without a token may subscribe. They receive public updates only.",
    otherwise: "`false`",
  }),
  publisher: key("publishers", "MERCURE_PUBLISHER"),
  subscriber: key("subscribers", "MERCURE_SUBSCRIBER"),
  issuers: setting(
    described(v.array(issuer), { expects: "a list of issuers", isStructured: true, shape: v.array(issuer) }),
    {
      about:
        "Issuers of tokens for Mercure 1.0: `issuer`, one of `secret`, `publicKey` and `jwks`, and `allowPrivateJwks`, `algorithms`, `clockTolerance` (ms), `actions`.",
      otherwise: "none",
      flag: null,
      isSecret: true,
    },
  ),
  resource: setting(checkedText(toResource), {
    about:
      "The identifier of this hub, which tokens of Mercure 1.0 have as `aud`. Relative topics are resolved against it.",
    otherwise: "each of `publicUrls` with the path of the endpoint",
  }),
  dialects: setting(list(integer(0, 1), "0, 1 or both"), {
    about: "The versions of Mercure that the hub serves: `0` is 0.x, `1` is 1.0.",
    otherwise: "both",
  }),
  cookie: setting(text("the name of a cookie"), {
    about: "The cookie with the token of Mercure 1.0.",
    otherwise: "`__Secure-mercure_access_token`",
  }),
  legacyCookie: setting(text("the name of a cookie"), {
    about: "The cookie with the token of Mercure 0.x.",
    otherwise: "`mercureAuthorization`",
  }),
  publishOrigins: setting(list(checkedText(toPublishOrigin), "origins, such as https://*.example.com"), {
    about: "Origins besides the hub's own whose pages may publish by a cookie; one `*` may stand in each.",
    otherwise: "none",
    flag: "mercure-publish-origin",
  }),
  subscriptions: setting(boolean(), {
    about: "Whether connects and disconnects are announced to subscribers, and the subscription API lists subscribers.",
    otherwise: "`false`",
  }),
  grace: setting(duration(0, 60_000), {
    about: "How long after its end a stream is told as ended. A client that resumes within it keeps its subscriber id.",
    otherwise: "`3s`",
  }),
  unknownId: setting(choice(["live", "replay"]), {
    about: "What a client receives whose last event id the log does not know: new updates only, or all that are kept.",
    otherwise: "`live`",
  }),
  repeatedIds: setting(choice(["dispatch", "ignore"]), {
    about: "What happens to an update whose id the log has already: it is sent again, or ignored.",
    otherwise: "`dispatch`",
  }),
})
