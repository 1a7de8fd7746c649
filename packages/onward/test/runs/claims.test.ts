import assert from "node:assert/strict"
import { test } from "node:test"
import { createClaims } from "../../src/runs/claims.ts"
import { messageOf, type RunRecord } from "../../src/runs/record.ts"
import { Replica } from "../../src/runs/replica.ts"
import { unavailable } from "../hub/faulty-log.ts"

/** Claims in a log that does with records what the test says; replicas read nothing. */
function stage(act: (replica: Replica, records: readonly RunRecord[]) => void | Promise<void>) {
  const written: RunRecord[] = []
  const claims = createClaims(
    {
      async append(replica, records) {
        written.push(...records)
        await act(replica, records)
      },
    },
    "lines",
  )
  return { claims, written, replicaOf: (id: string) => new Replica({ id, topic: `stream.run/-/${id}` }) }
}

const store = (replica: Replica, [record]: readonly RunRecord[]): void =>
  void replica.records.take({ ...messageOf(replica.topic, record as RunRecord), position: "life0000~11", time: 0 })

test("a claim is written once, and its name is given once", async () => {
  const { claims, written, replicaOf } = stage(store)
  const replica = replicaOf("a")
  await claims.claim(replica)
  assert.equal(written.length, 1)
  assert.equal(replica.attempt, replica.records.opened?.by)
  assert.equal(claims.take(replica), replica.attempt)
  assert.equal(claims.take(replica), undefined)
  assert.equal(replica.records.opened?.format, "lines")
})

test("a claim that the log loses each time fails after five tries", async () => {
  const { claims, written, replicaOf } = stage(() => {})
  await assert.rejects(claims.claim(replicaOf("a")), { code: "log_unavailable", message: /5 times/ })
  assert.equal(written.length, 5)
  assert.equal(new Set(written.map((record) => "by" in record && record.by)).size, 1)
})

test("a claim of a run whose records were removed is not repeated", async () => {
  const { claims, written, replicaOf } = stage((replica) => void (replica.isTrimmed = true))
  await claims.claim(replicaOf("a"))
  assert.equal(written.length, 1)
})

test("a failed claim keeps its name for the next try, of 1,000 runs", async () => {
  const { claims, written, replicaOf } = stage(() => Promise.reject(unavailable))
  const replicas = Array.from({ length: 1_001 }, (_, at) => replicaOf(String(at)))
  for (const replica of replicas.slice(0, 1_000)) await assert.rejects(claims.claim(replica), unavailable)
  const name = (at: number): unknown => (written[at] as { by: string }).by
  await assert.rejects(claims.claim(replicas[0] as Replica), unavailable)
  assert.equal(name(1_000), name(0))
  await assert.rejects(claims.claim(replicas[1_000] as Replica), unavailable)
  assert.equal(claims.take(replicas[0] as Replica), undefined)
  assert.equal(claims.take(replicas[1] as Replica), name(1))
})

test("a claim that failed although it was stored is one", async () => {
  const { claims, written, replicaOf } = stage((replica, records) => {
    store(replica, records)
    throw unavailable
  })
  const replica = replicaOf("a")
  await claims.claim(replica)
  assert.equal(written.length, 1)
  assert.equal(claims.take(replica), replica.records.opened?.by)
})
