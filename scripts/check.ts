// npm run check: everything that can be said about the code without running it.
import { staticChecks } from "./checks.ts"
import { executeAll } from "./command.ts"

process.exitCode = (await executeAll(staticChecks)) > 0 ? 1 : 0
