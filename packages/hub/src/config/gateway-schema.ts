import * as v from "valibot"
import { toUpstream } from "../gateway/settings.ts"
import { origins } from "./origins.ts"
import { group, setting, settingOr } from "./setting.ts"
import { boolean, bytes, checkedText, described, duration, either, integer, listOf, object, text } from "./values.ts"

const KIB = 1024
const MIB = 1024 ** 2
const HOUR = 3_600_000
const DAY = 24 * HOUR

const upstreamParts = object({
  /** The provider's base URL. */
  url: text(),
  /** The key that the hub sends to it. */
  key: v.exactOptional(text()),
  /** What it answers for, as before the `=` of a text. */
  for: v.exactOptional(text()),
})

/** An upstream: `[<for>=]<url>`, or the parts of it. */
const upstream = either(
  checkedText(toUpstream),
  v.pipe(
    upstreamParts,
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const { url, key, for: of } = dataset.value
      try {
        return { ...toUpstream(of === undefined ? url : `${of}=${url}`), ...(key !== undefined && { key }) }
      } catch (error) {
        addIssue({ message: (error as Error).message })
        return NEVER
      }
    }),
  ),
)

/** Settings of the gateway to providers. */
export const gateway = group({
  upstreams: settingOr(
    described(listOf(upstream), {
      expects: "base URLs, such as https://api.openai.com/v1",
      isList: true,
      isStructured: true,
      shape: v.array(v.union([text(), upstreamParts])),
    }),
    {
      about:
        "Providers whose streams are kept at `/v1` and can be resumed, as `[<for>=]<url>` or an object; see docs/gateway.md. `<for>` is a model, the beginning of models (`claude-*=https://…`), or a path (`/ollama=http://…`). Keys come from `ONWARD_UPSTREAM_KEY` for the first, `ONWARD_UPSTREAM_KEY_2` for the second, and so on.",
      default: [],
      flag: "upstream",
      isSecret: true,
    },
  ),
  origins: settingOr(origins(), {
    about: "Origins whose pages may use the gateway (CORS).",
    default: [],
    flag: "upstream-origin",
  }),
  allowUnknownIds: settingOr(boolean(), {
    about:
      "Whether requests with the hub's key may refer to ids that no caller received here, such as files of the operator.",
    default: false,
    flag: "upstream-unknown-ids",
  }),
  limits: group({
    headAfter: settingOr(duration(0, HOUR), {
      about: "After this long without the provider's status, the hub begins a stream's answer itself.",
      default: "1s",
      flag: "upstream-head-after",
    }),
    headTimeout: settingOr(duration(1, DAY), {
      about: "Maximum wait for the provider's status.",
      default: "10m",
      flag: "upstream-head-timeout",
    }),
    firstTimeout: settingOr(duration(1, DAY), {
      about: "Maximum wait from the provider's status to its first event.",
      default: "10m",
      flag: "upstream-first-timeout",
    }),
    idleTimeout: settingOr(duration(1, DAY), {
      about: "Maximum wait between two events of a provider.",
      default: "10m",
      flag: "upstream-idle-timeout",
    }),
    uploadTimeout: settingOr(duration(1, DAY), {
      about: "Maximum pause of a client within a body at `/v1`.",
      default: "1m",
      flag: "upstream-upload-timeout",
    }),
    requestBytes: settingOr(bytes(KIB, 256 * MIB), {
      about: "Maximum size of a request that is read before it is sent to a provider.",
      default: "64MiB",
      flag: "upstream-max-request",
    }),
    answerBytes: settingOr(bytes(KIB, 256 * MIB), {
      about: "Maximum size of a stream of a provider.",
      default: "64MiB",
      flag: "upstream-max-answer",
    }),
    retries: settingOr(integer(0, 10), {
      about:
        "How often a request is repeated before the first byte of an answer; at least once for each other upstream.",
      default: 0,
      flag: "upstream-retries",
    }),
    abandonAfter: setting(duration(0, DAY), {
      about: "Stops a stream that has had no viewer for this long.",
      otherwise: "never",
      flag: "upstream-abandon",
    }),
  }),
})
