import type { IncomingMessage } from "node:http"
import type { Hub } from "onward"
import type { Auth, Principal } from "../auth/index.ts"
import { AuthRefusal } from "../auth/index.ts"
import type { Bodies } from "../body.ts"
import { events } from "../events.ts"
import { HttpError } from "../http-error.ts"
import { publish } from "../publish.ts"
import { READ, WRITE, type Route } from "../route.ts"
import type { Throttle } from "../throttle.ts"

/** The request header with the credential to try; the session of the operator stays in its cookie. */
const CREDENTIAL = "onward-credential"

/** Private entries that an operator may read: all of them. */
const EVERYTHING = [{ key: "operator", matches: () => true }]

export interface TryOptions {
  readonly hub: Hub
  readonly auth: Auth | undefined
  readonly bodies: Bodies
  readonly throttle: Throttle
  /** The clients' reconnect delay, in ms. */
  readonly retry: number
}

/**
 * `GET /admin/try/events` and `POST /admin/try/publish` do what `/events` and `/publish` do for a client with the credential in the header
 * `Onward-Credential`, or for one without a credential. Other than those, they say why something is refused. `GET /admin/replay` reads as
 * an operator, which may read everything.
 */
export function tryRoutes({ hub, auth, bodies, throttle, retry }: TryOptions): [path: string, route: Route][] {
  async function principalOf(req: IncomingMessage): Promise<Principal | undefined> {
    if (!auth) return undefined
    const credential = req.headers[CREDENTIAL]
    return auth.verify(credential === undefined ? undefined : String(credential))
  }

  const explained = (answer: Route["answer"]): Route["answer"] => {
    return async (req, res, url) => {
      try {
        await answer(req, res, url, await principalOf(req))
      } catch (error) {
        if (!(error instanceof AuthRefusal)) throw error
        // not 401, which would be about the session of the operator
        throw new HttpError(403, error.code, `The hub refuses this with ${error.status}: ${error.reason}.`)
      }
    }
  }

  return [
    [
      "/admin/replay",
      {
        methods: READ,
        answer: (req, res, url) =>
          events({ hub, auth, req, res, url, principal: undefined, retry, label: "admin", may: EVERYTHING }),
      },
    ],
    [
      "/admin/try/events",
      {
        methods: READ,
        answer: explained((req, res, url, principal) =>
          events({ hub, auth, req, res, url, principal, retry, label: "admin" }),
        ),
      },
    ],
    [
      "/admin/try/publish",
      {
        methods: WRITE,
        answer: explained((req, res, _, principal) => publish({ hub, bodies, throttle }, req, res, principal)),
      },
    ],
  ]
}
