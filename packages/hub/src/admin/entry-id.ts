import type { Entry } from "onward"

/** The id of an entry for clients: the publisher's own, else the position. */
export const idOf = ({ id, position }: Pick<Entry, "id" | "position">): string => id ?? position
