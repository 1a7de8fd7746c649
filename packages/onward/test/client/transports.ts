import { nodeFetch } from "../../src/client/node-fetch.ts"
import type { FetchLike } from "../../src/client/node.ts"

/** What carries the requests of the client in Node: what it brings along, and what the platform has. */
export const TRANSPORTS: Readonly<Record<string, FetchLike>> = { "node:http": nodeFetch, fetch }
