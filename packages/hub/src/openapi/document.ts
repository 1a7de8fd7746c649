import { sendJson } from "../respond.ts"
import { READ, type Route } from "../route.ts"
import { version } from "../version.ts"
import type { DescribedRoute } from "../mercure/index.ts"
import { mercureOperations } from "./mercure-operations.ts"
import { operations, type Operation } from "./operations.ts"
import { schemas } from "./schemas.ts"

export interface DocumentOptions {
  /** The hub's routes, which decide what is in the document. */
  readonly routes: Iterable<readonly [path: string, route: Route]>
  /** The routes of the Mercure endpoint, if the hub has one. */
  readonly mercure: readonly DescribedRoute[]
  /** Where the hub can be reached. @default where the document came from */
  readonly servers: readonly string[]
  /** Whether requests need credentials. */
  readonly hasAuth: boolean
}

/** `GET /openapi.json`: the hub's OpenAPI 3.2 document, with the routes that this hub has. */
export function documentRoute(options: DocumentOptions): [path: string, route: Route] {
  const path = "/openapi.json"
  let document: object | undefined
  const route: Route = {
    methods: READ,
    isOpen: true,
    answer(_, res) {
      document ??= openApiDocument({ ...options, routes: [...options.routes, [path, route]] })
      sendJson(res, 200, document)
    },
  }
  return [path, route]
}

function openApiDocument({ routes, mercure, servers, hasAuth }: DocumentOptions): object {
  return {
    openapi: "3.2.0",
    info: {
      title: "Onward hub",
      version: version(),
      description: "Server-sent events that carry on where they left off: publish messages, and stream topics.",
    },
    servers: (servers.length > 0 ? servers : ["/"]).map((url) => ({ url })),
    ...(hasAuth && { security: [{ bearer: [] }] }),
    paths: Object.fromEntries([
      ...[...routes].map(([path, route]) => [path, pathItem(path, route)]),
      // its tokens are Mercure's own, and anonymous subscribers have none
      ...mercure.map(({ path, operation, methods }) => [
        path,
        described(path, methods, mercureOperations[operation], OPTIONAL),
      ]),
    ]),
    components: {
      schemas,
      ...((hasAuth || mercure.length > 0) && {
        securitySchemes: {
          bearer: {
            type: "http",
            scheme: "bearer",
            description: "A token, a publish key or a ticket: docs/hub-auth.md.",
          },
        },
      }),
    },
  }
}

/** With a credential or without. */
const OPTIONAL = { security: [{ bearer: [] }, {}] }

function pathItem(path: string, { methods, isOpen }: Route): object {
  const of = operations[path]
  return of ? described(path, methods, () => of, isOpen ? { security: [] } : {}) : {}
}

function described(
  path: string,
  methods: readonly string[],
  operationOf: (method: string) => Operation,
  security: object,
): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name)
  const inPath = names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }))
  return Object.fromEntries(
    methods.map((method) => {
      const { parameters = [], ...operation } = operationOf(method)
      const all = [...inPath, ...parameters]
      return [
        method.toLowerCase(),
        {
          operationId: `${method.toLowerCase()}${path.replaceAll(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase()).replaceAll(/\W/g, "")}`,
          ...operation,
          ...(all.length > 0 && { parameters: all }),
          ...security,
          responses: { ...operation.responses, default: REFUSED },
        },
      ]
    }),
  )
}

const REFUSED = {
  description: "Refused, or failed.",
  content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
}
