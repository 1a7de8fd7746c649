// In Node, Bun and Deno: run-cases.js <JSON array of the cases' URLs> <runtime>; prints the outcomes as JSON.
import * as client from "onward/client"
import { runCases } from "../cases.ts"

const [urls, runtime] = process.argv.slice(-2) as [string, string]
console.log(JSON.stringify(await runCases(client, JSON.parse(urls) as string[], runtime)))
process.exit(0)
