// npm run words [-- path…]: lists the words in the project's texts that scripts/words/rules.ts replaces; without a path, counts them.
import { areas } from "./words/hits.ts"

const paths = process.argv.slice(2)
const all = areas()

if (paths.length === 0) {
  for (const { name, limit, hits } of all) {
    if (name !== "" || hits.length > 0)
      console.log(`${String(hits.length).padStart(5)} of ${limit}  ${name || "all else"}`)
  }
}
for (const { file, line, words, instead } of all.flatMap(({ hits }) => hits)) {
  if (paths.some((path) => file.startsWith(path))) console.log(`${file}:${line}: "${words}": ${instead}`)
}
