// The script of the blank page: what functions that are evaluated in it can use.
import * as library from "../../../../src/client/index.ts"
import * as helpers from "./in-page.ts"

declare global {
  var onward: typeof library
  var page: typeof helpers
}

globalThis.onward = library
globalThis.page = helpers
