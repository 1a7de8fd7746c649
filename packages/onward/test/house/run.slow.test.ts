import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test, type TestContext } from "node:test"
import { LONGEST } from "../../../../scripts/processes.ts"
import { repositoryRoot } from "./imports.ts"

const folder = mkdtempSync(join(tmpdir(), "onward-run-"))
after(() => rmSync(folder, { recursive: true }))

const { scripts, devDependencies } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/** Starts a program the way the npm scripts do. */
function start(program: string, ...args: string[]) {
  const file = join(folder, "program.ts")
  writeFileSync(file, program)
  return spawn(process.execPath, [join(repositoryRoot, "scripts/run.mjs"), file, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  })
}

test("npm scripts run on the pinned Node, from source, with their arguments", async () => {
  const program = `
    console.log(JSON.stringify([process.versions.node, process.execArgv[0], ...process.argv.slice(2)]))
    process.exitCode = 3
  `
  const child = start(program, "--port", "4100")
  const output = (await child.stdout.toArray()).join("")
  assert.deepEqual(JSON.parse(output), [devDependencies["node"], "--conditions=onward-source", "--port", "4100"])
  assert.equal(child.exitCode ?? (await once(child, "exit"))[0], 3)
})

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} reaches the program once, and the program can take its time`, async () => {
    const child = start(`
      let count = 0
      const alive = setInterval(() => {}, 1000)
      process.on("${signal}", () => {
        count++
        clearInterval(alive)
        setTimeout(() => console.log("signals:", count), 50)
      })
      console.log("ready")
    `)
    const exit = once(child, "exit")
    let output = ""
    for await (const chunk of child.stdout) {
      output += String(chunk)
      if (output === "ready\n") child.kill(signal)
    }
    assert.equal(output, "ready\nsignals: 1\n")
    assert.deepEqual(await exit, [0, null])
  })
}

test("every npm script that starts a program replaces its shell, because npm sends signals to the shell", () => {
  const wrong = Object.entries(scripts).filter(([, script]) => /^(?!exec ).*scripts\/run\.mjs/.test(script))
  assert.deepEqual(wrong, [])
})

/** Runs test files as `npm run test:fast` does; resolves to what it prints, the totals last. */
async function runFast(t: TestContext, files: readonly string[], processTimeout = 120_000): Promise<string> {
  const program = join(folder, "suite.ts")
  writeFileSync(
    program,
    `import { runSuite } from ${JSON.stringify(join(repositoryRoot, "scripts/suite.ts"))}
    console.log(JSON.stringify(await runSuite("fast", { files: ${JSON.stringify(files)}, processTimeout: ${processTimeout} })))`,
  )
  // out of the runner's sight: inside of a test run another does not start
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, [program], { cwd: repositoryRoot, env, stdio: ["ignore", "pipe", "inherit"] })
  t.after(() => child.kill("SIGKILL"))
  return (await child.stdout.toArray()).join("")
}

/** Writes test files into a folder of their own; returns their paths. */
function writeTests(name: string, programs: Readonly<Record<string, string>>): string[] {
  mkdirSync(join(folder, name))
  return Object.entries(programs).map(([file, program]) => {
    const path = join(folder, name, `${file}.test.ts`)
    writeFileSync(path, `import { afterEach, suite, test } from "node:test"\n${program}`)
    return path
  })
}

test("the files of a folder share a process, but neither hooks nor failures", async (t) => {
  const pid = (file: string) => `import { writeFileSync } from "node:fs"
    writeFileSync(${JSON.stringify(join(folder, `pid-${file}`))}, String(process.pid))`
  const files = writeTests("shared", {
    first: `${pid("first")}
      let calls = 0
      afterEach(() => { if (++calls > 2) throw new Error("a hook reached another file") })
      test("one", () => {})
      test("two", { skip: "by intention" }, () => {})`,
    second: `${pid("second")}
      await null
      suite("several", () => { test("three", () => {}); test("four", () => { throw new Error("wrong") }) })`,
    third: `test("five", () => {})`,
    globals: `${pid("globals")}
      Object.assign(globalThis, { replaced: true })
      test("six", () => {})`,
  })
  const output = await runFast(t, files)
  assert.match(output, /\{"passed":4,"failed":1,"skipped":\["two \(by intention\)"\],"todo":\[\]/)
  const pidOf = (file: string): string => readFileSync(join(folder, `pid-${file}`), "utf8")
  assert.equal(pidOf("first"), pidOf("second"))
  assert.notEqual(pidOf("first"), pidOf("globals"))
})

test("the files that start first exist", () => {
  assert.deepEqual(
    LONGEST.filter((file) => !existsSync(join(repositoryRoot, file))),
    [],
  )
})

test("a file that cannot be loaded fails the run, also beside others", async (t) => {
  const files = writeTests("broken", { broken: `throw new Error("no test yet")`, whole: `test("one", () => {})` })
  assert.match(await runFast(t, files), /\{"passed":1,"failed":1,/)
})

test("a test that ends the process fails the run, which names the unfinished files", async (t) => {
  const files = writeTests("exit", {
    first: `test("one", () => {})`,
    second: `test("two", () => process.exit(0))`,
    third: `test("three", () => {})`,
  })
  const output = await runFast(t, files)
  // of the first one the end may be lost too: what the process had to say yet
  for (const name of ["second", "third"]) assert.match(output, new RegExp(`${name}\\.test\\.ts did not complete`))
  assert.match(output, /"failed":[23],/)
})

test("a test that never ends ends the run, which names its file and not others of the same process", async (t) => {
  const files = writeTests("endless", {
    first: `test("one", () => {})`,
    second: `test("two", { timeout: 120_000 }, () => new Promise((resolve) => setTimeout(resolve, 120_000)))`,
    third: `test("three", () => {})`,
  })
  const output = await runFast(t, files, 10_000)
  assert.match(output, /The run was ended: \S+second\.test\.ts did not end within 10 s\./)
  assert.match(output, /"failed":1/)
})

test("a process that a test left behind ends the run, which names the file, and is ended too", async (t) => {
  // Node's runner waits for the process that this file leaves behind, because that one holds its output open
  const pidFile = join(folder, "pid")
  const files = writeTests("left", {
    endless: `import { spawn } from "node:child_process"
    import { writeFileSync } from "node:fs"
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 120_000)"], { stdio: "inherit" })
    writeFileSync(${JSON.stringify(pidFile)}, String(child.pid))
    child.unref()`,
  })
  const output = await runFast(t, files, 10_000)
  assert.match(output, /The run was ended: \S+endless\.test\.ts did not end within 10 s\./)
  assert.match(output, /"failed":1/)
  // a process that was killed stays listed, as a zombie, until its new parent has asked for its status
  const stat = `/proc/${readFileSync(pidFile, "utf8")}/stat`
  if (existsSync(stat)) assert.match(readFileSync(stat, "utf8"), /\) Z /)
})
