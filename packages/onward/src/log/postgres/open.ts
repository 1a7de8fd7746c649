import { OnwardError } from "../../errors.ts"
import type { Connection } from "./connection.ts"
import { MARK, OLDER_MARKS, postgresSchema } from "./schema.ts"

/** Checks the server and the tables, and makes what is missing. */
export async function openTables(connection: Connection, schema: string, migrate: boolean): Promise<void> {
  const fail = (code: "log_corrupt" | "log_unsupported", advice: string): OnwardError =>
    new OnwardError(code, `log ${schema}: ${advice}`)
  const look = async () => {
    const [row] = await connection.run(
      `SELECT current_setting('server_version_num')::text, n.oid IS NOT NULL AND obj_description(n.oid, 'pg_namespace') = $2::text,
        EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid), obj_description(n.oid, 'pg_namespace')
      FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1::text`,
      [schema, MARK],
    )
    const [version, isOurs, isUsed, comment] = row as [string, boolean | null, boolean, string | null]
    return { version: Number(version), isOurs: isOurs === true, isUsed, comment }
  }
  let found = await look()
  if (found.version < 130_000) {
    throw fail("log_unsupported", "the server is too old: it takes PostgreSQL 13 or later")
  }
  if (!found.isOurs) {
    const isOlder = OLDER_MARKS.includes(found.comment ?? "")
    if (found.comment?.startsWith("Onward log") && !isOlder) {
      throw fail("log_corrupt", "its tables were made by another version of onward: use that, or another `schema`")
    }
    if (found.isUsed && !isOlder) {
      throw fail("log_corrupt", "the schema of this name holds what is not an Onward log: choose another `schema`")
    }
    if (!migrate) {
      const state = isOlder ? "its tables are of an older version" : "it has no tables yet"
      throw fail("log_unsupported", `${state}: run what postgresSchema() gives, or let \`migrate\``)
    }
    await connection.script(postgresSchema(schema))
    found = await look()
  }
  await connection.run(`SELECT ${schema}.open()`, [])
}
