import { LIFE } from "./script-life.ts"
import { READ } from "./script-read.ts"
import { WRITE } from "./script-write.ts"

/**
 * Everything the log does, as one script, since Redis runs scripts one at a time: what a call finds and what it does belong
 * together. `ARGV`: operation, an epoch in case one begins, the newest place the asker has seen (epoch, sequence), then what
 * the operation takes. Answers: epoch, first, last, the newest place removed, the average size of an entry, the server's `run_id`
 * when its settings are to be looked at, results.
 */
export const SCRIPT: string = `
if ARGV[1] == 'policy' then return string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w%-]+)') or '' end
${LIFE}
if op == 'append' or op == 'sweep' then
${WRITE}
  if op == 'append' then
    local results, more = append(11)
    return answer(results, more and 1 or 0)
  end
  local cursor, more = sweep(11)
  return answer(cursor, more and 1 or 0)
end
${READ}
if op == 'read' then return answer(read(5)) end
if op == 'locate' then return answer(locate(5)) end
if op == 'vouch' and ARGV[5] == run then state.safe, isChanged = ARGV[6] == '1' and run or '-', true end
return answer()
`

/** The name Redis knows the script by: SHA-1 of its text, in hexadecimal. */
export async function nameOf(script: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(script))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
}
