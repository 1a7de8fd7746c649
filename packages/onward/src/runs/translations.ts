import type { Turns } from "../turns.ts"
import type { Format } from "./format.ts"
import type { Replica } from "./replica.ts"
import { prepareTranslation, translate, type Translation } from "./translation.ts"

/** The formats of `createRuns`, and runs in each of them, made once for all viewers in this process. */
export interface Translations {
  /** @throws TypeError for a name that is not one of `format` and `formats` */
  formatOf(name: string): Format
  /** A run in a format, by default its own, with all frames so far. Rejects with a TypeError for a format that is not known here. */
  prepared(replica: Replica, name: string | undefined): Promise<Translation>
}

export function createTranslations(formats: ReadonlyMap<string, Format>, turns: Turns): Translations {
  const made = new WeakMap<Replica, Map<string, Translation>>()

  function formatOf(name: string): Format {
    const format = formats.get(name)
    if (format) return format
    throw new TypeError(
      `createRuns has no format "${name}", only ${[...formats.keys()].join(", ")}. Add it to its option \`formats\`.`,
    )
  }

  return {
    formatOf,
    async prepared(replica, name) {
      const native = formatOf(replica.records.opened?.format ?? "")
      const wanted = name === undefined ? native : formatOf(name)
      const ofRun = made.get(replica) ?? new Map<string, Translation>()
      made.set(replica, ofRun)
      const translation = ofRun.get(wanted.name) ?? translate(replica, native, wanted)
      ofRun.set(wanted.name, translation)
      return prepareTranslation(translation, replica, turns)
    },
  }
}
