import { test } from "node:test"
import { connect } from "@nats-io/transport-node"
import { natsLog } from "../../src/log/nats/index.ts"
import { natsMissing, startNats } from "../stores/nats.ts"
import { compare, compareMany, SEED } from "./compare.ts"

test(
  `a NATS log returns the same as a naive one, over random operations (seed ${SEED})`,
  { skip: natsMissing ?? false },
  async (t) => {
    const server = await startNats()
    t.after(() => server.close())
    const connection = await connect({ servers: server.address })
    t.after(() => connection.close())
    await compareMany(12, (seed) =>
      compare(seed, 120, (options) => natsLog(connection, { ...options, stream: `S${seed}` }), true),
    )
  },
)
