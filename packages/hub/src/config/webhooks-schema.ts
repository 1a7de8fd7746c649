import * as v from "valibot"
import { WEBHOOK_EVENTS } from "../webhooks/index.ts"
import { settingOr } from "./setting.ts"
import { described, object, text } from "./values.ts"

/** The names of `WebhookOptions`, which says what each is for. */
const webhook = object({
  url: text(),
  events: v.array(v.picklist(WEBHOOK_EVENTS)),
  secret: v.union([text(), v.array(text())]),
  topics: v.exactOptional(v.array(text())),
  name: v.exactOptional(text()),
  timeout: v.exactOptional(v.pipe(v.number(), v.minValue(1), v.maxValue(600_000))),
  privateNetworks: v.exactOptional(v.array(text())),
})

export const webhooks = settingOr(
  described(v.array(webhook), { expects: "a list of webhooks", isStructured: true, shape: v.array(webhook) }),
  {
    about:
      "Servers that are told when topics are occupied and vacated, users join and leave, and streams open and close: `url`, `events`, `secret`, and `topics`, `name`, `timeout` (ms), `privateNetworks`; see docs/webhooks.md.",
    default: [],
    flag: null,
    isSecret: true,
    isReloadable: true,
  },
)
