export * from "./entry.ts"
export { createSmallParser, type SmallParser, type SmallParserOptions } from "./small-parser.ts"
