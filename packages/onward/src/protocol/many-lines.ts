import { byteLength } from "../bytes.ts"

const BLOCK = 1024

/** Lines of one text, joined in blocks: adding is linear, and a million tiny lines take about the memory of their text. */
export class ManyLines {
  #blocks: string[] = []
  #lines: string[] = []

  add(line: string): void {
    if (this.#lines.push(line) < BLOCK) return
    this.#blocks.push(this.#lines.join("\n"))
    this.#lines = []
  }

  /** UTF-8 bytes so far, a LF counted for each line. */
  byteLength(): number {
    return [...this.#blocks, ...this.#lines].reduce((sum, text) => sum + byteLength(text) + 1, 0)
  }

  /** The text, its lines joined by LF; nothing is left afterwards. */
  take(): string {
    const text = [...this.#blocks, ...this.#lines].join("\n")
    this.clear()
    return text
  }

  clear(): void {
    this.#blocks = []
    this.#lines = []
  }
}
