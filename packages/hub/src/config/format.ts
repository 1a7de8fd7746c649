/** A value as a configuration file has it, on one line. */
export function formatValue(value: unknown): string {
  if (
    typeof value === "string" &&
    /^[\w./~-](?:[\w./:@*-]*[\w./@*-])?$/.test(value) &&
    !/^(?:true|false|null|\d+)$/.test(value)
  )
    return value
  return JSON.stringify(value) ?? ""
}
