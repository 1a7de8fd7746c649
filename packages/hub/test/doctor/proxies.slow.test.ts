import assert from "node:assert/strict"
import { test } from "node:test"
import { createOrigin } from "../../../onward/test/proxies/origin.ts"
import { lighttpd, lighttpdStreaming } from "../../../onward/test/proxies/setups/lighttpd.ts"
import { missing, start } from "../../../onward/test/proxies/start.ts"
import { examine } from "../../src/doctor/examine.ts"
import type { Finding } from "../../src/doctor/finding.ts"

test(
  "the doctor reports lighttpd when it buffers a stream, and finds no problem after its configuration is fixed",
  { skip: missing(lighttpd) },
  async (t) => {
    const origin = await createOrigin()
    t.after(() => origin.close())
    const said = new Map<string, Finding[]>()
    for (const setup of [lighttpd, lighttpdStreaming]) {
      const proxy = await start(setup, "plain", origin.port)
      t.after(() => proxy.close())
      const findings: Finding[] = []
      // a hub with short heartbeats, or the first piece takes fifteen seconds
      const timeout = setup === lighttpd ? 1_000 : 10_000
      await examine(`${proxy.url}/lively?topic=a`, { timeout, onFinding: (finding) => findings.push(finding) })
      said.set(setup.name, findings)
    }
    const [held = [], streaming = []] = said.values()
    assert.deepEqual(
      held.map(({ kind }) => kind),
      ["bad", "note"],
    )
    assert.match(held[1]?.todo ?? "", /^lighttpd needs server.stream-response-body = 2; /)
    assert.ok(streaming.length > 3 && streaming.every(({ kind }) => kind === "ok"), JSON.stringify(streaming))
  },
)
