export * from "./entry.ts"
export { encodeBlock } from "./encode.ts"
export { createSmallParser, type SmallParser, type SmallParserOptions } from "./small-parser.ts"
