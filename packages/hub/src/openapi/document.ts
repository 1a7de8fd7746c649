import { sendJson } from "../respond.ts"
import { READ, type Route } from "../route.ts"
import { version } from "../version.ts"
import { operations } from "./operations.ts"
import { schemas } from "./schemas.ts"

export interface DocumentOptions {
  /** The hub's routes, which decide what is in the document. */
  readonly routes: Iterable<readonly [path: string, route: Route]>
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

function openApiDocument({ routes, servers, hasAuth }: DocumentOptions): object {
  return {
    openapi: "3.2.0",
    info: {
      title: "Onward hub",
      version: version(),
      description: "Server-sent events that carry on where they left off: publish messages, and stream topics.",
    },
    servers: (servers.length > 0 ? servers : ["/"]).map((url) => ({ url })),
    ...(hasAuth && { security: [{ bearer: [] }] }),
    paths: Object.fromEntries([...routes].map(([path, route]) => [path, pathItem(path, route)])),
    components: {
      schemas,
      ...(hasAuth && {
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

function pathItem(path: string, { methods, isOpen }: Route): object {
  const operation = operations[path]
  if (!operation) return {}
  return Object.fromEntries(
    methods.map((method) => [
      method.toLowerCase(),
      {
        operationId: `${method.toLowerCase()}${path.replaceAll(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
        ...operation,
        ...(isOpen && { security: [] }),
        responses: { ...operation.responses, default: REFUSED },
      },
    ]),
  )
}

const REFUSED = {
  description: "Refused, or failed.",
  content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
}
