/** What every contender's source says: so many tokens, one each so many ms, about as fast as models do. */
export const TOKENS = 500
export const TICK = 20

/** All of one length, so that a reader knows by the length of all that none is missing. */
export const tokenOf = (n: number): string => `token${n.toString().padStart(4, "0")} `
