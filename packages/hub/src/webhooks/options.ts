import { createHash } from "node:crypto"
import { isPattern } from "onward"
import { Grants, toGrant } from "../auth/grants.ts"
import { readNetworks } from "../networks.ts"
import { UsageError } from "../usage-error.ts"

/** Events that webhooks are told of. */
export const WEBHOOK_EVENTS = [
  "topic.occupied",
  "topic.vacated",
  "user.joined",
  "user.left",
  "stream.opened",
  "stream.closed",
] as const

export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** One webhook, as a configuration has it. */
export interface WebhookOptions {
  /** The name under which its progress is kept. @default its URL */
  readonly name?: string | undefined
  readonly url: string
  readonly events: readonly WebhookEvent[]
  /** Topics and patterns. @default all */
  readonly topics?: readonly string[] | undefined
  /** At least 32 bytes each; every request has a signature for each. */
  readonly secret: string | readonly string[]
  /** How long an answer may take, in ms. @default 10_000 */
  readonly timeout?: number | undefined
  /** Private addresses and networks that it may connect to. @default none */
  readonly privateNetworks?: readonly string[] | undefined
}

/** A webhook, checked. */
export interface Webhook {
  /** Names its progress in the queue, without telling its URL. */
  readonly key: string
  /** What operators see: its name, else the host of its URL; unique. */
  readonly label: string
  readonly url: URL
  readonly events: ReadonlySet<WebhookEvent>
  readonly topics: readonly string[]
  readonly patterns: readonly string[]
  readonly secrets: readonly string[]
  readonly timeout: number
  /** Whether a private address is one that it may connect to. */
  readonly isAllowed: (address: string) => boolean
  /** Whether a topic is one of its own. */
  readonly covers: (topic: string) => boolean
}

const MIN_SECRET_BYTES = 32

/** Reads the options of webhooks. Throws {@link UsageError}; its message has no secret, and of a URL only the host. */
export function resolveWebhooks(all: readonly WebhookOptions[]): Webhook[] {
  const hooks = all.map(resolveWebhook)
  const twice = hooks.findIndex(({ key }, at) => hooks.findIndex((other) => other.key === key) < at)
  if (twice >= 0) {
    throw new UsageError(`webhooks[${twice}] has the name or URL of another one. Give each a \`name\` of its own.`)
  }
  const labels = new Map(hooks.map(({ label }) => [label, 0]))
  return hooks.map((hook) => {
    const number = (labels.get(hook.label) ?? 0) + 1
    labels.set(hook.label, number)
    return number === 1 ? hook : { ...hook, label: `${hook.label} (${number})` }
  })
}

function resolveWebhook(options: WebhookOptions, at: number): Webhook {
  const fail = (what: string): UsageError => new UsageError(`webhooks[${at}]${what}`)
  const { name, url: given, events, topics = ["*"], secret, timeout = 10_000, privateNetworks = [] } = options
  const url = URL.parse(given)
  if (!url || !/^https?:$/.test(url.protocol)) throw fail(".url is not an http or https URL.")
  if (url.username !== "" || url.password !== "") {
    throw fail(".url holds a user or password, which are not sent. Verify the signature instead.")
  }
  if (events.length === 0) throw fail(`.events is empty. Use ${WEBHOOK_EVENTS.join(", ")}.`)
  const secrets = [secret].flat()
  if (secrets.length === 0 || secrets.some((each) => Buffer.byteLength(each) < MIN_SECRET_BYTES)) {
    throw fail(`.secret has fewer than ${MIN_SECRET_BYTES} bytes. Use for instance the output of openssl rand -hex 32.`)
  }
  const read = <T>(name: string, what: () => T): T => {
    try {
      return what()
    } catch (error) {
      throw fail(`.${name}: ${(error as Error).message}`)
    }
  }
  const grants = read("topics", () => new Grants(topics.map(toGrant)))
  return {
    key: createHash("sha256")
      .update(name ?? given)
      .digest("hex")
      .slice(0, 16),
    label: name ?? url.host,
    url,
    events: new Set(events),
    topics: topics.filter((topic) => !isPattern(topic)),
    patterns: topics.filter((topic) => isPattern(topic)),
    secrets,
    timeout,
    isAllowed: read("privateNetworks", () => readNetworks(privateNetworks)),
    covers: (topic) => grants.covers(topic),
  }
}
