import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { mercureHub, tokenOf } from "./mercure-hub.ts"

const run = promisify(execFile)
const script = fileURLToPath(new URL("symfony.php", import.meta.url))
const library = "/usr/share/php/Symfony/Component/Mercure/autoload.php"

/** Why the test is skipped on this machine; false when it can run. */
const missing = !existsSync(library) && "Debian's php-symfony-mercure is missing: `npm test` installs it, as root"

test("Symfony's client publishes to the hub, and reads what was published", { skip: missing }, async (t) => {
  const hub = await mercureHub(t)
  const token = await tokenOf(0, { publish: ["*"], subscribe: ["https://example.com/books/{id}"] })
  const { stdout } = await run("php", [
    script,
    hub.hub,
    token,
    await tokenOf(0, { publish: ["https://example.com/other"] }),
  ])
  const { ids, refused, events } = JSON.parse(stdout) as { ids: string[]; refused: string; events: string[][] }
  assert.match(ids[0] ?? "", /^urn:uuid:/)
  assert.equal(ids[1], "my-id")
  assert.match(refused, /RuntimeException$/)
  assert.deepEqual(events, [
    [ids[0], "message", "public"],
    ["my-id", "created", "private\nand é"],
  ])
})
