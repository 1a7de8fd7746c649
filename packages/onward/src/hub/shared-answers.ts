import type { Clock } from "../clock.ts"

/** How long an answer is kept, in ms: as long as it takes clients to reconnect that lost their connections together. */
const KEPT_MS = 1_000
/** How many characters or bytes all kept answers can have together. One with more than a quarter of them is not kept. */
const MAX_CHARS = 4_194_304
/** What a small answer takes besides its characters and those of its key, about. */
const OVERHEAD = 512

interface Question {
  /** A promise, if it was asked. Undefined when it is dropped. */
  answer: unknown
  /** Undefined until the answer is there. */
  chars?: number
}

/**
 * Asks the log once, and encodes once, for streams that ask the same at the same time, or one shortly after the other. When thousands of clients
 * reconnect together, most of them have received the same last event, and so read the same pages.
 */
export class SharedAnswers {
  readonly #clock: Clock
  /** By key; the oldest first. */
  #questions = new Map<string, Question>()
  #chars = 0
  #cancel: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * The answer of `ask`, or that of an earlier call with the same `key`.
   * @param charsOf how many characters an answer has; undefined for one that is no answer for another stream
   */
  async find<T>(key: string, ask: () => Promise<T>, charsOf: (answer: T) => number | undefined): Promise<T> {
    const known = this.#questions.get(key) as { readonly answer: T | Promise<T> } | undefined
    if (known) {
      const answer = await known.answer
      return charsOf(answer) === undefined ? ask() : answer
    }
    const question: Question = { answer: ask() }
    const questions = this.#questions
    questions.set(key, question)
    try {
      const answer = (await question.answer) as T
      const chars = charsOf(answer)
      if (chars === undefined || chars > MAX_CHARS / 4) questions.delete(key)
      else if (questions === this.#questions) this.#count(question, chars)
      return answer
    } catch (error) {
      questions.delete(key)
      throw error
    }
  }

  /** Changes when answers are forgotten: what was found out before may be kept no longer. */
  get era(): object {
    return this.#questions
  }

  /** An answer that was given to `keep`. */
  kept<T>(key: string): T | undefined {
    return this.#questions.get(key)?.answer as T | undefined
  }

  /**
   * Keeps an answer that was found otherwise.
   * @param era that in which it was found out
   */
  keep(key: string, answer: unknown, chars: number, era: object): void {
    const known = this.#questions.get(key)
    const isAsked = known !== undefined && known.chars === undefined
    if (era !== this.#questions || isAsked || chars > MAX_CHARS / 4) return
    if (known) this.#drop(key, known)
    const question = { answer }
    this.#questions.set(key, question)
    this.#count(question, chars + key.length + OVERHEAD)
  }

  #count(question: Question, chars: number): void {
    question.chars = chars
    this.#chars += chars
    for (const [key, question] of this.#questions) {
      if (this.#chars <= MAX_CHARS) break
      if (question.chars !== undefined) this.#drop(key, question)
    }
    this.#cancel ??= this.#clock.after(KEPT_MS, () => this.forget())
  }

  /** From now on, nothing is answered that was asked before. */
  forget(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const [key, question] of this.#questions) this.#drop(key, question)
    this.#questions = new Map()
    this.#chars = 0
  }

  /** Without the reference, the answer is young garbage: a map that has grown keeps its earlier tables alive until the next full collection. */
  #drop(key: string, question: Question): void {
    this.#questions.delete(key)
    this.#chars -= question.chars ?? 0
    question.answer = undefined
  }
}
