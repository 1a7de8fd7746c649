import { sendJson } from "../respond.ts"
import { READ, type Route } from "../route.ts"
import type { Webhooks, WebhookStatus } from "../webhooks/index.ts"
import type { Peers } from "../worker-calls.ts"

/** What workers ask each other. */
const STATUS = "webhooks"

interface Options {
  /** Undefined without webhooks. */
  readonly webhooks: Webhooks | undefined
  readonly peers: Peers
}

/** `GET /admin/webhooks`: how the deliveries of each webhook go, told by the worker that delivers. */
export function webhooksRoute({ webhooks, peers }: Options): Route {
  peers.answer(STATUS, () => webhooks?.status() ?? [])
  return {
    methods: READ,
    async answer(_, res) {
      const workers = await peers.askAll<readonly WebhookStatus[]>(STATUS)
      const names = new Set(workers.flat().map(({ name }) => name))
      sendJson(res, 200, {
        webhooks: [...names].map((name) => merged(workers.flat().filter((each) => each.name === name))),
      })
    },
  }
}

/** Each worker knows the queue; what became of attempts is known where they were made. */
function merged(statuses: readonly WebhookStatus[]): WebhookStatus | undefined {
  const [first] = statuses
  const current = statuses.find(({ isDelivering }) => isDelivering) ?? first
  if (!current) return undefined
  const outcomes = Object.fromEntries(
    Object.keys(current.outcomes).map((name) => [
      name,
      statuses.reduce((sum, each) => sum + each.outcomes[name as keyof WebhookStatus["outcomes"]], 0),
    ]),
  ) as WebhookStatus["outcomes"]
  const deliveredAt = Math.max(...statuses.map((each) => each.deliveredAt ?? 0)) || undefined
  return { ...current, outcomes, deliveredAt }
}
