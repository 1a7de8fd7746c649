/** Control characters (C0, DEL, C1) and format characters, such as U+200B and U+202E. */
const INVISIBLE = /[\p{Cc}\p{Cf}]/u

/** Whether a text holds characters that neither topics nor selectors, ids and types of Mercure 1.0 may hold. */
export const isInvisible = (text: string): boolean => INVISIBLE.test(text)
