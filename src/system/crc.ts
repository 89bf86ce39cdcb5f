/** CRC-32 of two runs of bytes one behind the other, from the CRC-32 of each. Source: zlib `crc32_combine`, Mark Adler. */

/** x^n modulo the polynomial, bits reflected. */
const POLYNOMIAL = 0xedb88320

/** The product of two polynomials over GF(2), modulo that of CRC-32. */
function multiply(a: number, b: number): number {
  let [product, factor] = [0, b]
  for (let bit = 1 << 31; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= factor
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1
  }
  return product >>> 0
}

/** @param length bytes of the second run */
export function combineCrc32(first: number, second: number, length: number): number {
  // x^(8 * length), by squaring
  let [shift, power] = [1 << 31, 1 << 23]
  for (let n = length; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) shift = multiply(power, shift)
    power = multiply(power, power)
  }
  return (multiply(shift, first) ^ second) >>> 0
}
