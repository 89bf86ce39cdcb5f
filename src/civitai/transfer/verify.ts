/** Compares what was received with the hashes that the site gives. */
import { SdtoolError } from '../../system/errors.ts'
import type { Hashes, HashName } from '../../system/hash.ts'
import { messages } from './messages.ts'

/** Of every byte, and nobody can make another file with the same one. The first that the site gives decides alone. */
const WHOLE: readonly HashName[] = ['sha256', 'blake3']

/** Where there is none of those, each of these that the site gives must match. The strongest first. */
const SHORT: readonly HashName[] = ['autoV2', 'autoV3', 'crc32', 'autoV1']

/** As the site spells them. */
export const HASH_TITLES: Readonly<Record<HashName, string>> = {
  sha256: 'SHA256',
  blake3: 'BLAKE3',
  autoV2: 'AutoV2',
  autoV3: 'AutoV3',
  crc32: 'CRC32',
  autoV1: 'AutoV1',
}

/** That a hash was right, and what that does not prove. */
export function verifiedText(name: HashName): string {
  return messages[`${name}Verified`]
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
  return new SdtoolError('CIVITAI_HASH', messages.hashMismatch(target, HASH_TITLES[judge], got, wanted), {
    hint: messages.doNotUse,
  })
}

/** The site shows the first 12 digits of AutoV3. Its scanner of 2025 prints a CRC-32 with its lowest byte first. */
function isSame(name: HashName, wanted: string, got: string): boolean {
  if (name === 'autoV3') return got.startsWith(wanted)
  return wanted === got || (name === 'crc32' && wanted === byteReversed(got))
}

function byteReversed(hex: string): string {
  return Buffer.from(hex, 'hex').reverse().toString('hex')
}
