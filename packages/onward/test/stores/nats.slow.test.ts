import assert from "node:assert/strict"
import { test } from "node:test"
import { connect } from "@nats-io/transport-node"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { natsMissing, startNats, startNatsCluster } from "./nats.ts"

const skip = natsMissing ?? false

test("a killed server has its streams after a restart", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const before = await connect({ servers: server.address, reconnect: false })
  await (await jetstreamManager(before)).streams.add({ name: "S", subjects: ["s"] })
  await jetstream(before).publish("s", "1")
  await server.kill()
  assert.equal(server.pid, undefined)
  await server.restart()
  const after = await connect({ servers: server.address })
  t.after(() => after.close())
  assert.equal((await jetstream(after).publish("s", "2")).seq, 2)
})

test("a cluster of three continues when the server that leads a stream is killed", { skip }, async (t) => {
  const cluster = await startNatsCluster()
  t.after(() => cluster.close())
  const servers = [...cluster.addresses]
  const connection = await connect({ servers, reconnectTimeWait: 50, maxReconnectAttempts: -1 })
  t.after(() => connection.close())
  await (await jetstreamManager(connection)).streams.add({ name: "S", subjects: ["s"], num_replicas: 3 })
  await jetstream(connection).publish("s", "1")
  const killed = await cluster.killLeader("S")
  assert.notEqual((await cluster.leaderOf("S")).name, killed.name)
  await killed.restart()
})
