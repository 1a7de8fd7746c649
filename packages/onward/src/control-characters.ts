/** The control characters of ISO 6429, which neither headers, topics nor ids may hold. */
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
export const CONTROL_CHARACTER: RegExp = /[\u0000-\u001f\u007f-\u009f]/
