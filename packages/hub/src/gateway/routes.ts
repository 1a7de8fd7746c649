/** What a request is about, by its method and the decoded segments of its path. */
export type GatewayRoute =
  /** A stream may be asked for. */
  | { readonly type: "create"; readonly kind: KindName }
  /** It is about one answer. `rest` is what follows its id. */
  | { readonly type: "answer"; readonly kind: KindName; readonly id: string; readonly rest: string }
  /** It makes something else; its body may name answers. */
  | { readonly type: "refer" }
  /** It is about one thing of a family, such as a file. */
  | { readonly type: "thing"; readonly family: string; readonly id: string }
  /** It is about nothing that belongs to one caller. */
  | { readonly type: "other" }
  /** It is about the answers of all callers, or in a way that the gateway does not know. */
  | { readonly type: "unknown" }

export type KindName = "chat" | "responses" | "messages"

/** What can be asked of an answer by the gateway's own key, by what follows its id. */
export const ANSWER_METHODS: Readonly<Record<string, readonly string[]>> = {
  "": ["GET", "HEAD", "POST", "DELETE"],
  cancel: ["POST"],
  input_items: ["GET", "HEAD"],
  messages: ["GET", "HEAD"],
}

/** Says what a request is about. Only what is listed here is about an answer; what looks like it elsewhere is unknown. */
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

/** Names below `responses` that are no ids. */
const MAKERS: ReadonlySet<string> = new Set(["compact", "input_tokens"])
