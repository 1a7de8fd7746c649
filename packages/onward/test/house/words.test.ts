import assert from "node:assert/strict"
import { test } from "node:test"
import { allHits, findWords } from "../../../../scripts/words/hits.ts"
import { proseOfCode, proseOfPage, titlesOfTests } from "../../../../scripts/words/prose.ts"

const wordsIn = (prose: string): string[] => findWords(prose).map(({ line, words }) => `${line}: ${words}`)

test("texts and test titles use the words of CONTRIBUTING.md", () => {
  const hits = allHits()
    .filter(({ file }) => !file.includes("/test/"))
    .map(({ file, line, words, instead }) => `${file}:${line}: "${words}": write ${instead}`)
  assert.deepEqual(hits, [])
})

test("words are found in comments and texts, over line ends, and not in code", () => {
  const code = [
    "// the page is",
    "// none, and `nobody` is a name",
    "/**",
    " * It runs for",
    " * ever.",
    " */",
    "const whatever = /anew/.test(who)",
    "const a = b / c // nobody",
    'f("who", "who asks")',
    "g(`${h(`whoever ${who} asks`)} anew`)",
    `const quoted = '"//who"'`,
  ].join("\n")
  assert.deepEqual(wordsIn(proseOfCode(code)).sort(), [
    "10: anew",
    "10: whoever",
    "1: is none",
    "4: for ever",
    "8: nobody",
    "9: who",
  ])
})

test("words are found in the text of a page and in the comments of its code", () => {
  const page = [
    "Ask [who](whoever.md) `nobody`, as",
    "it asks.",
    "```ts",
    'const url = "http://who" // somebody, `nobody`',
    "```",
    "```sh",
    "who --anew # everybody, who",
    "```",
  ].join("\n")
  assert.deepEqual(wordsIn(proseOfPage(page)), ["1: who", "7: who", "4: somebody", "7: everybody", "1: as it"])
})

test("words are found in titles of tests, and not in other strings and code", () => {
  const code = [
    'test("nobody waits", () => {',
    '  assert.equal(who, "who asks")',
    "  t.test(",
    "    `${whoever} runs for",
    "     ever`, () => {})",
    '  const rows = [{ name: "it is anew", data: "nobody waits" }]',
    "})",
  ].join("\n")
  assert.deepEqual(wordsIn(titlesOfTests(code)).sort(), ["1: nobody", "4: for ever", "6: anew"])
})
