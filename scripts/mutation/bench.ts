import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { readCoverage, type Coverage } from "./coverage.ts"
import { notice } from "./notice.ts"
import { reachOf } from "./reach.ts"

/** A test file of an area. */
interface Test {
  readonly file: string
  /** How many imports away each file is that it loads. */
  readonly reach: ReadonlyMap<string, number>
  /** How often it was the one to notice, by changed file. */
  readonly finds: Map<string, number>
  /** How long it takes when nothing is changed; until it ran, what it took in an earlier run, or a guess. */
  seconds: number
  /** What it runs when nothing is changed; undefined until it has passed once. */
  coverage: Coverage | undefined
}

/** Judges changes by the test files of an area. */
export interface Bench {
  /**
   * Runs the test files that run the code at `offset` of a changed file, one after the other, the likeliest to tell soon first, until one
   * notices. A file that would exceed the time for one change is passed over. Each ran once without a change before; one that failed then is
   * named and left out.
   */
  readonly judge: (file: string, offset: number, change: () => () => void) => Promise<string | undefined>
}

const SECONDS = ".cache/mutation/seconds.json"
/** What a file is guessed to take that has not run yet. */
const GUESS = { fast: 2, slow: 15 }
/** A test must have been quick to fail in this many times what it takes, and this much more, in seconds. */
const PATIENCE = { times: 5, more: 10 }
/** Nothing that waits may hold up the whole run. */
const MOST_SECONDS = 600

/** What a test ran that cannot tell anything. */
const NOTHING: Coverage = { ran: () => false }

/** @param limit how many seconds the tests of one change take at most, as long as they pass */
export function createBench(folder: string, files: readonly string[], limit: number): Bench {
  const known = existsSync(SECONDS) ? (JSON.parse(readFileSync(SECONDS, "utf8")) as Record<string, number>) : {}
  const tests = files.map((file): Test => {
    const seconds = known[file] ?? (file.endsWith(".slow.test.ts") ? GUESS.slow : GUESS.fast)
    return { file, reach: reachOf(file), finds: new Map(), seconds, coverage: undefined }
  })

  /** Near and quick ones first; those that noticed other changes of the file before all. */
  const costOf = ({ seconds, reach, finds }: Test, changed: string): number =>
    (seconds * (reach.get(changed) ?? 0)) / (1 + 4 * (finds.get(changed) ?? 0))

  async function runUntouched(test: Test): Promise<Coverage> {
    const written = mkdtempSync(`${folder}-coverage-`)
    const { noticed, seconds } = await notice(folder, test.file, MOST_SECONDS * 1_000, written)
    const coverage = readCoverage(written, folder)
    rmSync(written, { recursive: true })
    if (noticed !== undefined) {
      console.log(`  ${test.file} is left out, because it fails without a change: ${noticed}`)
      return NOTHING
    }
    test.seconds = seconds
    known[test.file] = seconds
    writeFileSync(SECONDS, JSON.stringify(known))
    return coverage
  }

  return {
    async judge(changed, offset, change) {
      const able = tests.filter(({ reach }) => reach.has(changed))
      let spent = 0
      for (const test of able.sort((a, b) => costOf(a, changed) - costOf(b, changed))) {
        if (spent + test.seconds > limit) continue
        test.coverage ??= await runUntouched(test)
        // it may have taken longer than it was guessed to
        if (spent + test.seconds > limit || test.coverage.ran(changed, offset) === false) continue
        spent += test.seconds
        const undo = change()
        const timeout = Math.min(test.seconds * PATIENCE.times + PATIENCE.more, MOST_SECONDS) * 1_000
        const { noticed } = await notice(folder, test.file, timeout)
        undo()
        if (noticed === undefined) continue
        test.finds.set(changed, (test.finds.get(changed) ?? 0) + 1)
        return noticed
      }
      return undefined
    },
  }
}
