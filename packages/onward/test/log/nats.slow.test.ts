import { test } from "node:test"
import { connect } from "@nats-io/transport-node"
import { natsLog } from "../../src/log/nats/index.ts"
import { logCases } from "../../src/log/suite/index.ts"
import { natsMissing, startNats, type NatsServer } from "../stores/nats.ts"
import { SEED } from "./compare.ts"

const skip = natsMissing ?? false
let server: NatsServer
let streams = 0

test.before(async () => {
  if (!skip) server = await startNats()
})
test.after(() => server?.close())

const cases = logCases({
  seed: SEED,
  async create() {
    const connection = await connect({ servers: server.address })
    const stream = `S${++streams}`
    return {
      open: (options) => natsLog(connection, { ...options, stream }),
      async remove() {
        await connection.request(`$JS.API.STREAM.DELETE.${stream}`)
        await connection.close()
      },
    }
  },
})

for (const { name, run } of cases) test(name, { skip }, run)
