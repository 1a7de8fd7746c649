const WIDTH = 110

/** Breaks text into lines that fit beside an indent. */
export function wrap(text: string, indent: number): string[] {
  const lines: string[] = [""]
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? ""
    if (line !== "" && line.length + word.length + 1 > WIDTH - indent) lines.push(word)
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`
  }
  return lines
}
