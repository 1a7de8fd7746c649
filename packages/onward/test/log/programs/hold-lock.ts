// Holds an exclusive transaction on a database until its input ends.
import { once } from "node:events"
import { DatabaseSync } from "node:sqlite"

const database = new DatabaseSync(process.argv[2] as string)
database.exec("BEGIN EXCLUSIVE")
process.stdout.write("locked\n")
process.stdin.resume()
await once(process.stdin, "end")
database.exec("ROLLBACK")
database.close()
