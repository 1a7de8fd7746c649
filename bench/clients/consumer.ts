/**
 * One client in a process of its own: `consumer.ts <contender> <port> <shape>`. Prints what taking the events cost; with "stalled" for a shape,
 * takes ten events, says so, and takes no more.
 */
import { contenders, type Contender } from "./consume.ts"
import { EVENT, shapes } from "./shapes.ts"

export interface Cost {
  readonly seconds: number
  /** Of all threads, user and system. */
  readonly cpu: number
}

const [name = "", port = "", shapeName = ""] = process.argv.slice(2)
const { consume } = contenders[name] as Contender
const shape = shapes.find((shape) => shape.name === shapeName)
const url = `http://127.0.0.1:${port}`
const LENGTH = EVENT.length - "data: \n\n".length
process.stdin.on("close", () => process.exit()).resume()

if (shape) {
  const { warm, events, path, streams } = shape
  let count = 0
  let start = 0
  let cpu = process.cpuUsage()
  const take = (data: string): void => {
    if (data.length !== LENGTH) throw new Error(`data of ${data.length}, not ${LENGTH}`)
    if (++count === warm) {
      start = performance.now()
      cpu = process.cpuUsage()
    } else if (count === warm + events) {
      const { user, system } = process.cpuUsage(cpu)
      const cost: Cost = { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 }
      console.log(JSON.stringify(cost))
    }
  }
  await Promise.all(Array.from({ length: streams }, () => consume(url + path, take)))
} else {
  // whoever cannot be told to wait hands on what comes, and it gathers here, as it would in any program that is slower than the server
  const untaken: string[] = []
  let count = 0
  await consume(`${url}/flood`, (data) => {
    if (++count < 10) return
    if (count === 10) console.log("{}")
    untaken.push(data)
    return new Promise<void>(() => {})
  })
}
