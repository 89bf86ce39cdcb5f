/** Holds what was received against the hashes the site gives. */
import { SdtoolError } from '../../system/errors.ts'
import type { Hashes, HashName } from '../../system/hash.ts'

/** Of every byte, and nobody makes another file with the same. The first that the site gives decides alone. */
const WHOLE: readonly HashName[] = ['sha256', 'blake3']

/** Where there is none of those, each of these that the site gives must be right. By how much they say. */
const SHORT: readonly HashName[] = ['autoV2', 'autoV3', 'crc32', 'autoV1']

/** What a hash says of a file, in words that say also what it does not. */
export const COVERAGE: Readonly<Record<HashName, string>> = {
  sha256: 'SHA256 verified',
  blake3: 'BLAKE3 verified',
  autoV2: 'AutoV2 verified (the first 10 digits of its SHA-256)',
  autoV3: 'AutoV3 verified (12 digits, of the tensors: its header is not in it)',
  crc32: 'CRC32 verified (finds damage, not forgery)',
  autoV1: 'AutoV1 verified (of 64 KiB of it; of the rest only the length)',
}

/** The hashes that decide whether a file is right, the strongest first; none if the site gives none. */
export function judgesOf(expected: Hashes): readonly HashName[] {
  const whole = WHOLE.find((name) => expected[name] !== undefined)
  return whole === undefined ? SHORT.filter((name) => expected[name] !== undefined) : [whole]
}

/** Whether so much of a file is covered that a wrong length would show. */
export function coversLength(expected: Hashes): boolean {
  return judgesOf(expected).some((name) => name !== 'autoV1')
}

/** The hashes to compute while the bytes come in: SHA-256 for the record, and those that decide. */
export function hashesToCompute(expected: Hashes): readonly HashName[] {
  return [...new Set<HashName>(['sha256', ...judgesOf(expected)])]
}

/** The first hash of those that decide that is not as it should be; undefined if all are, or there are none. */
export function differing(expected: Hashes, received: Hashes): HashName | undefined {
  return judgesOf(expected).find((name) => !isSame(name, expected[name]!, received[name]!))
}

/** The one that differs, as an error with both digests; undefined if the file is right, or nothing is known of it. */
export function hashMismatch(target: string, expected: Hashes, received: Hashes): SdtoolError | undefined {
  const judge = differing(expected, received)
  if (judge === undefined) return undefined
  const wanted = expected[judge]!
  const got = received[judge]!.slice(0, wanted.length)
  return new SdtoolError(
    'CIVITAI_HASH',
    `${target}: ${COVERAGE[judge].split(' ')[0]} is ${got}, but Civitai says ${wanted}; nothing was kept`,
    { hint: 'Try again; if it stays so, the file on the site is not the one it describes: do not use it.' },
  )
}

/** The site shows the first 12 digits of AutoV3. Its scanner of 2025 prints a CRC-32 with its lowest byte first. */
function isSame(name: HashName, wanted: string, got: string): boolean {
  if (name === 'autoV3') return got.startsWith(wanted)
  return wanted === got || (name === 'crc32' && wanted === byteReversed(got))
}

function byteReversed(hex: string): string {
  return Buffer.from(hex, 'hex').reverse().toString('hex')
}
