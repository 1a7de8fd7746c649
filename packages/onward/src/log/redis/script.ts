import { EPOCH } from "./script-epoch.ts"
import { READ } from "./script-read.ts"
import { WRITE } from "./script-write.ts"

/**
 * All operations of the log in one script. Redis runs a script without interruption, so the checks and the changes of a call belong
 * together. `ARGV`: the operation, a name for an epoch that may begin, the newest position that the caller has seen (epoch, sequence
 * number), then the arguments of the operation. Returns the epoch, the sequence numbers of `first`, `last` and the newest removed
 * entry, the average size of an entry, the `run_id` of the server if its settings must be checked, then the results.
 */
export const SCRIPT: string = `
if ARGV[1] == 'policy' then return string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w%-]+)') or '' end
${EPOCH}
if op == 'append' or op == 'sweep' or op == 'forget' then
${WRITE}
  if op == 'append' then
    local results, more = append(11)
    return answer(results, more and 1 or 0)
  end
  if op == 'forget' then return answer(forgetEntries(11)) end
  local cursor, more = sweep(11)
  return answer(cursor, more and 1 or 0)
end
${READ}
if op == 'read' then return answer(read(5)) end
if op == 'locate' then return answer(locate(5)) end
if op == 'durability' and ARGV[5] == run then state.safe, isChanged = ARGV[6] == '1' and run or '-', true end
return answer()
`

/** The name of a script in Redis: the SHA-1 of its text, in hexadecimal. */
export async function nameOf(script: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(script))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
}
