import assert from "node:assert/strict"
import { test } from "node:test"
import { createProvider, type Call } from "../gateway/provider.ts"
import { testServer } from "../server.ts"
import { AUTH, bearer, PUBLISH_KEY, signToken } from "./tokens.ts"

const answer = ({ req, res }: Call): void => {
  res.writeHead(200, { "content-type": "application/json" })
  res.end(JSON.stringify({ id: "resp_1", asked: req.headers.authorization ?? null }))
}

test("with authentication, the gateway's own key is used only for clients that can publish to `gateway`", async (t) => {
  const provider = await createProvider(t, answer)
  const server = await testServer(t, {
    auth: { ...AUTH, anonymous: { publish: ["chat"], subscribe: ["*"] } },
    log: "memory:",
    upstream: { url: provider.url, key: "sk-of-the-operator" },
  })
  const ask = async (
    path: string,
    token: string | undefined,
    body?: object,
  ): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${server.url}/v1${path}`, {
      method: body ? "POST" : "GET",
      headers: { ...(token !== undefined && bearer(token)), "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    })
    return { status: response.status, text: await response.text() }
  }
  const body = { model: "m", input: "?" }
  const grants = { onward: { publish: ["gateway"] } }
  const ada = await signToken(grants)
  assert.equal((await ask("/responses", undefined, body)).status, 403)
  assert.equal((await ask("/responses", "sk-unknown", body)).status, 401)
  assert.equal((await ask("/responses", await signToken({ onward: { publish: ["chat"] } }), body)).status, 403)
  assert.equal(provider.calls.length, 0)
  const made = await ask("/responses", ada, body)
  assert.deepEqual([made.status, JSON.parse(made.text)], [200, { id: "resp_1", asked: "Bearer sk-of-the-operator" }])
  // a newer token of the same user has what an older one made, and another user's has not
  assert.equal((await ask("/responses/resp_1", await signToken({ ...grants, jti: "newer" }))).status, 200)
  assert.equal((await ask("/responses/resp_1", await signToken({ ...grants, sub: "bob" }))).status, 404)
  assert.equal((await ask("/responses/resp_1", PUBLISH_KEY)).status, 404)
})

test("with authentication, requests with the client's own provider key are passed through unchanged", async (t) => {
  const provider = await createProvider(t, answer)
  const server = await testServer(t, { auth: AUTH, log: "memory:", upstream: { url: provider.url } })
  const response = await fetch(`${server.url}/v1/models`, { headers: bearer("sk-of-the-client") })
  assert.deepEqual(await response.json(), { id: "resp_1", asked: "Bearer sk-of-the-client" })
})
