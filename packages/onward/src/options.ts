/** Refuses what no version of `options` means: a name that is none is a slip, and passing it in silence would hide it. */
export function checkNames(what: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new TypeError(`${what} has no option "${name}"; there are ${names.join(", ")}`)
  }
}

/** A duration in milliseconds: above 0, or the default when it is not given. */
export function durationOf(name: string, given: number | undefined, byDefault: number): number {
  if (given === undefined) return byDefault
  if (!(typeof given === "number" && given > 0)) throw new TypeError(`${name} must be a number of milliseconds above 0`)
  return given
}
