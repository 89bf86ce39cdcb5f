/**
 * What the table of a file may hold, whatever container it comes in. A header of a few bytes can describe millions of
 * empty tensors, and shared parts of a pickle can give one tensor millions of names: everything behind the parsers
 * walks names, so their number and length are bounded once, here.
 */
import { refuse } from '../../system/errors.ts'
import { messages } from './messages.ts'

/** SD 1.5 with EMA and optimizer has 4,000, a quantised Flux with its scales 5,000. */
export const MAX_TENSORS = 200_000
/** The longest names of real files, paths into optimizer states, have some 200 characters. */
export const MAX_NAME_LENGTH = 2_000
/** All names together, in characters: 50,000 optimizer states take 5 million. */
export const MAX_NAMES_LENGTH = 16_000_000

/** Counts the tensors of one file and their names. @throws TABLE_LIMIT (exit 3) */
export type CountTensor = (name: string) => void

/**
 * @param where the file, for messages
 * @throws TABLE_LIMIT (exit 3), from the function that is returned
 */
export function tensorCounter(where: string): CountTensor {
  let tensors = 0
  let length = 0
  return (name) => {
    tensors += 1
    length += name.length
    if (tensors > MAX_TENSORS) throw tableLimit(where, messages.tooManyTensors(MAX_TENSORS))
    if (name.length > MAX_NAME_LENGTH) {
      const detail = messages.nameTooLong(name, name.length, MAX_NAME_LENGTH)
      throw tableLimit(where, detail)
    }
    if (length > MAX_NAMES_LENGTH) {
      throw tableLimit(where, messages.namesTooLong(MAX_NAMES_LENGTH))
    }
  }
}

export function tableLimit(where: string, detail: string): Error {
  return refuse('TABLE_LIMIT', `${where}: ${detail}`, messages.madeToExhaust)
}
