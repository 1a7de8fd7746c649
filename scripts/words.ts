// npm run words [-- path…]: lists the words in the project's texts and test titles that scripts/words/rules.ts replaces, below the given paths.
import { allHits } from "./words/hits.ts"

const paths = process.argv.slice(2)
const hits = allHits().filter(({ file }) => paths.length === 0 || paths.some((path) => file.startsWith(path)))

for (const { file, line, words, instead } of hits) console.log(`${file}:${line}: "${words}": ${instead}`)
console.log(`${hits.length} hits`)
