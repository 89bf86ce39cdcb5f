import { freemem } from 'node:os'
import { SdtoolError } from '../../system/errors.ts'
import { messages } from './messages.ts'

/** Bytes this process and those it starts may still take; limits of a container count. */
export function availableMemory(): number {
  return process.availableMemory?.() ?? freemem()
}

export interface MemoryNeed {
  /** "the UNet". */
  readonly what: string
  readonly bytes: number
  /** What takes less. */
  readonly hint: string
}

/** @throws MEMORY (exit 1) before anything is loaded, when it would not fit */
export function checkMemory({ what, bytes, hint }: MemoryNeed, available = availableMemory()): void {
  if (bytes <= available) return
  const gigabytes = (n: number) => `${(n / 1e9).toFixed(1)} GB`
  throw new SdtoolError('MEMORY', messages.notEnoughMemory(what, gigabytes(bytes), gigabytes(available)), {
    hint,
  })
}
