/** The polynomial of gzip's CRC (RFC 1952 section 8); bit 31 is the coefficient of x^0. */
const POLYNOMIAL = 0xedb88320

/** Product of two polynomials, modulo that of the CRC. */
function multiply(a: number, b: number): number {
  let product = 0
  for (a |= 0; a !== 0; a <<= 1) {
    if (a < 0) product ^= b
    b = b & 1 ? (b >>> 1) ^ POLYNOMIAL : b >>> 1
  }
  return product
}

/** x^8, x^16, x^32, …: the factors of a CRC when 1, 2, 4, … bytes follow. */
const powers: readonly number[] = (() => {
  let power = 1 << 23
  return Array.from({ length: 32 }, () => {
    const one = power
    power = multiply(power, power)
    return one
  })
})()

/** The factor of a CRC when `length` bytes follow. */
export function shiftOf(length: number): number {
  let shift = 1 << 31
  for (let i = 0; length > 0; i++, length >>>= 1) if (length & 1) shift = multiply(shift, powers[i] as number)
  return shift
}

/**
 * CRC of two stretches of bytes one after the other, from the CRC of each and `shiftOf` the second's length. So the bytes that many
 * streams share are summed once, although each stream has a different beginning.
 */
export const joinCrc = (first: number, second: number, shift: number): number => multiply(first, shift) ^ second
