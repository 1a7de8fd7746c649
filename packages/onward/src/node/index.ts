export { sseBelow, type OuterReply, type OuterRequest } from "./below.ts"
export { sse, type NodeRequest, type NodeResponse } from "./sse.ts"
