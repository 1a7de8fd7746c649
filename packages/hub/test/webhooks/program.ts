// A hub with webhooks whose streams come and go: arguments are a folder, the URL of the receiver, and a name.
import { createHub, type Sink } from "onward"
import { sqliteLog } from "onward/sqlite"
import { createWebhooks, resolveWebhooks } from "../../src/webhooks/index.ts"

const [folder = "", url = "", name = ""] = process.argv.slice(2)
const secret = "a secret of more than thirty-two bytes"
const hooks = resolveWebhooks([
  { url, secret, events: ["stream.opened", "stream.closed", "topic.occupied"], privateNetworks: ["127.0.0.1"] },
])
const webhooks = await createWebhooks({
  ...{ hooks, lease: 800, settle: 100, report: (error: unknown) => console.error(String(error)) },
  openQueue: async () => sqliteLog(`${folder}/queue.db`),
})
const hub = createHub({
  log: sqliteLog(`${folder}/events.db`),
  presence: { interval: 50, grace: 100 },
  observe: (observation) => webhooks.observe(observation),
})
webhooks.watch(hub.presence)
for (let i = 0; ; i++) {
  if (i > 150) {
    await new Promise((resolve) => void setTimeout(resolve, 50))
    if (webhooks.isDelivering) process.stdout.write("delivering\n")
    continue
  }
  const sink: Sink = { owner: undefined, write: () => true, writeText: () => true, close: () => {} }
  hub
    .subscribe({ topics: [`${name}/${i % 10}`], userId: `${name} ${i}` })
    .open()
    .start(sink)
  await new Promise((resolve) => void setTimeout(resolve, 10))
  sink.owner?.onClose()
  if (webhooks.isDelivering) process.stdout.write("delivering\n")
}
