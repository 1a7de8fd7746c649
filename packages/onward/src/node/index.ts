export { sseBelow, type OuterReply, type OuterRequest } from "./raw-socket.ts"
export { sse, type NodeRequest, type NodeResponse } from "./sse.ts"
