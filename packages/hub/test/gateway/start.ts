import type { TestContext } from "node:test"
import OpenAI from "openai"
import type { GatewayLimits } from "../../src/gateway/limits.ts"
import { testServer, type TestServer } from "../server.ts"
import { createProvider, type Provider } from "./provider.ts"

export const QUESTION = { model: "m", messages: [{ role: "user" as const, content: "?" }], stream: true as const }

/** A gateway before a provider, and two who ask. */
export async function start(
  t: TestContext,
  {
    key,
    answer,
    limits = {},
  }: { key?: string; answer?: Parameters<typeof createProvider>[1]; limits?: Partial<GatewayLimits> } = {},
): Promise<{ provider: Provider; server: TestServer; client: OpenAI; other: OpenAI }> {
  const provider = await createProvider(t, answer)
  const upstream = { url: provider.url, ...(key !== undefined && { key }) }
  const server = await testServer(t, { upstream, gateway: { limits } })
  const make = (apiKey: string): OpenAI => new OpenAI({ apiKey, baseURL: `${server.url}/v1`, maxRetries: 0 })
  return { provider, server, client: make("ann's"), other: make("bob's") }
}
