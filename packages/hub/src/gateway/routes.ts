/** The route of a request, from its method and the decoded segments of its path. */
export type GatewayRoute =
  /** Creates an answer, which can be a stream. */
  | { readonly type: "create"; readonly kind: KindName }
  /** Reads or changes one answer. `rest` is the path after its id. */
  | { readonly type: "answer"; readonly kind: KindName; readonly id: string; readonly rest: string }
  /** Creates something else. Its body can refer to answers. */
  | { readonly type: "refer" }
  /** Reads or changes one object of a family, such as a file. */
  | { readonly type: "thing"; readonly family: string; readonly id: string }
  /** Concerns nothing that belongs to one caller. */
  | { readonly type: "other" }
  /** Concerns the answers of all callers, or is unknown to the gateway. */
  | { readonly type: "unknown" }

export type KindName = "chat" | "responses" | "messages"

/** Methods for an answer that are sent with the gateway's key, by the path after the answer's id. */
export const ANSWER_METHODS: Readonly<Record<string, readonly string[]>> = {
  "": ["GET", "HEAD", "POST", "DELETE"],
  cancel: ["POST"],
  input_items: ["GET", "HEAD"],
  messages: ["GET", "HEAD"],
}

/** Returns the route of a request. Paths that look like those of an answer, but are not listed here, are unknown. */
export function routeOf(method: string, segments: readonly string[]): GatewayRoute {
  const [first = "", second = "", third = ""] = segments
  const isPost = method === "POST"
  if (first === "chat" && second === "completions") {
    if (third !== "") return { type: "answer", kind: "chat", id: third, rest: segments.slice(3).join("/") }
    return isPost ? { type: "create", kind: "chat" } : { type: "unknown" }
  }
  if (first === "responses") {
    if (second === "") return isPost ? { type: "create", kind: "responses" } : { type: "unknown" }
    if (isPost && segments.length === 2 && MAKERS.has(second)) return { type: "refer" }
    return { type: "answer", kind: "responses", id: second, rest: segments.slice(2).join("/") }
  }
  if (first === "messages") {
    if (second === "") return isPost ? { type: "create", kind: "messages" } : { type: "other" }
    if (second.startsWith("run_")) {
      return { type: "answer", kind: "messages", id: second, rest: segments.slice(2).join("/") }
    }
  }
  const words = segments.map((segment) => segment.toLowerCase())
  if (words.includes("responses") || words.join("/").includes("chat/completions")) return { type: "unknown" }
  if (second === "" || first === "models") return { type: isPost ? "refer" : "other" }
  return { type: "thing", family: `/${first}`, id: second }
}

/** Segments after `responses` that are not ids. */
const MAKERS: ReadonlySet<string> = new Set(["compact", "input_tokens"])
