/** Holds what was received against the hashes the site gives. */
import { SdtoolError } from '../errors.ts'
import type { Hashes } from '../tensor/hash.ts'
import type { PartHash } from './part.ts'

/** By trust: the site's own page shows SHA-256; the others only stand in where it is missing. */
const JUDGES: readonly PartHash[] = ['sha256', 'blake3', 'crc32']

/** The hashes to compute while the bytes come in: SHA-256 for the record, and the one that decides. */
export function hashesToCompute(expected: Hashes): readonly PartHash[] {
  const judge = judgeOf(expected)
  return judge === undefined || judge === 'sha256' ? ['sha256'] : ['sha256', judge]
}

/** The hash that decides whether a file is right; undefined if the site gives none. */
export function judgeOf(expected: Hashes): PartHash | undefined {
  return JUDGES.find((name) => expected[name] !== undefined)
}

/** The one that differs, as an error with both digests; undefined if the file is right, or nothing is known of it. */
export function hashMismatch(target: string, expected: Hashes, received: Hashes): SdtoolError | undefined {
  const judge = judgeOf(expected)
  if (judge === undefined) return undefined
  const [wanted, got] = [expected[judge]!, received[judge]!]
  if (wanted === got || (judge === 'crc32' && wanted === byteReversed(got))) return undefined
  return new SdtoolError(
    'CIVITAI_HASH',
    `${target}: ${judge.toUpperCase()} is ${got}, but Civitai says ${wanted}; nothing was kept`,
    { hint: 'Try again; if it stays so, the file on the site is not the one it describes: do not use it.' },
  )
}

/** The site's scanner of 2025 prints a CRC-32 with its lowest byte first. */
function byteReversed(hex: string): string {
  return Buffer.from(hex, 'hex').reverse().toString('hex')
}
