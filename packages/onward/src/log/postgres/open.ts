import { OnwardError } from "../../errors.ts"
import type { Connection } from "./connection.ts"
import { MARK, OLDER_MARKS, postgresSchema } from "./schema.ts"

/** Checks the server and the tables, and creates or migrates the tables. */
export async function openTables(connection: Connection, schema: string, migrate: boolean): Promise<void> {
  const fail = (code: "log_corrupt" | "log_unsupported", advice: string): OnwardError =>
    new OnwardError(code, `log ${schema}: ${advice}.`)
  const inspect = async () => {
    const [row] = await connection.run(
      `SELECT current_setting('server_version_num')::text, n.oid IS NOT NULL AND obj_description(n.oid, 'pg_namespace') = $2::text,
        EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid), obj_description(n.oid, 'pg_namespace')
      FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1::text`,
      [schema, MARK],
    )
    const [version, isCurrent, isUsed, comment] = row as [string, boolean | null, boolean, string | null]
    return { version: Number(version), isCurrent: isCurrent === true, isUsed, comment }
  }
  const found = await inspect()
  if (found.version < 130_000) {
    throw fail("log_unsupported", "the server is too old. Use PostgreSQL 13 or later")
  }
  if (!found.isCurrent) {
    const isOlder = OLDER_MARKS.includes(found.comment ?? "")
    if (found.comment?.startsWith("Onward log") && !isOlder) {
      throw fail(
        "log_corrupt",
        "a newer version of onward created its tables. Update onward, or choose another `schema`",
      )
    }
    if (found.isUsed && !isOlder) {
      throw fail("log_corrupt", "the schema has objects that are not of an Onward log. Choose another `schema`")
    }
    if (!migrate) {
      const state = isOlder ? "an older version of onward created its tables" : "it has no tables yet"
      throw fail("log_unsupported", `${state}. Run the SQL of postgresSchema(), or set \`migrate: true\``)
    }
    await connection.script(postgresSchema(schema))
  }
  await connection.run(`SELECT ${schema}.open()`, [])
}
