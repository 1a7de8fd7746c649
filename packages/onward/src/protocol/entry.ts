// what users import as `onward/protocol`: the folder's index without the clients' own parser
export type { ParsedEvent, ParserHandlers } from "./block.ts"
export { CHECKPOINT, encode, encodeComment, encodeRetry, type WireMessage } from "./encode.ts"
export { parse, type ParseOptions } from "./parse.ts"
export { createParser, type Parser, type ParserOptions } from "./parser.ts"
export { createParserStream } from "./parser-stream.ts"
