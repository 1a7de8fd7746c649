/** Reads so many answers at once, each by a connection of its own, and tells whether all were whole. */
import http from "node:http"
import { tokenOf } from "./tokens.ts"

const [port = "", prefix = "", count = "", tokens = ""] = process.argv.slice(2)
const expected = Array.from({ length: Number(tokens) }, (_, n) => tokenOf(n)).join("")

function read(id: number): Promise<{ isWhole: boolean; frames: number }> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: "127.0.0.1", port: Number(port), path: `/${tokens}/${prefix}-${id}`, agent: false }, (res) => {
        let text = ""
        res.setEncoding("utf8")
        res.on("data", (chunk: string) => (text += chunk))
        res.on("error", reject)
        res.on("end", () => {
          const frames = [...text.matchAll(/^data: (".*")$/gm)].map((match) => JSON.parse(match[1] as string) as string)
          resolve({ isWhole: frames.join("") === expected, frames: frames.length })
        })
      })
      .on("error", reject)
  })
}

const answers = await Promise.all(Array.from({ length: Number(count) }, (_, id) => read(id)))
console.log(
  JSON.stringify({
    broken: answers.filter(({ isWhole }) => !isWhole).length,
    frames: answers.reduce((sum, { frames }) => sum + frames, 0),
  }),
)
