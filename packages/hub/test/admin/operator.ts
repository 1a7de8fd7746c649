import type { TestContext } from "node:test"
import type { AuthOptions } from "../../src/auth/index.ts"
import { AUTH, bearer, signToken } from "../auth/tokens.ts"
import { testServer, type TestServer } from "../server.ts"

export const ADMIN_KEY = "ok_an-admin-key-of-more-than-32-characters"

/** Authentication with a key with admin, tokens, and one topic that anonymous clients may read. */
export const WITH_ADMIN: AuthOptions = {
  ...AUTH,
  keys: [...(AUTH.keys ?? []), { name: "ops", key: ADMIN_KEY, admin: true, subscribe: ["*"] }],
  permissions: [{ when: { role: "editor" }, publish: ["news"] }, { subscribe: ["users/{sub}/*", "teams/{team}/*"] }],
  anonymous: { subscribe: ["news"] },
}

export const serveAdmin = (t: TestContext, options: Parameters<typeof testServer>[1] = {}): Promise<TestServer> =>
  testServer(t, { log: "memory:", auth: WITH_ADMIN, admin: { port: 0 }, ...options })

/** What the admin port answers. */
export interface Answer<T> {
  readonly status: number
  readonly body: T
  readonly headers: Headers
}

/** Sends a request with the admin key, unless `headers` has another credential. */
export async function ask<T = Record<string, unknown>>(
  server: TestServer,
  path: string,
  { headers = bearer(ADMIN_KEY), ...init }: RequestInit & { headers?: Record<string, string> } = {},
): Promise<Answer<T>> {
  const response = await fetch(`${server.adminUrl}${path}`, { headers, redirect: "manual", ...init })
  const text = await response.text()
  return { status: response.status, body: JSON.parse(text) as T, headers: response.headers }
}

export const codeOf = ({ status, body }: Answer<unknown>): string =>
  `${status} ${(body as { error?: { code: string } }).error?.code ?? "ok"}`

export { bearer, signToken }
