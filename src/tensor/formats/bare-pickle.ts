/**
 * A pickle without torch's framing. Tensors can only be numpy arrays here: storages would lie outside of it.
 */

import type { ByteSource } from '../../system/bytes.ts'
import { refuse } from '../../system/errors.ts'
import type { ModelFile } from '../values/table.ts'
import type { Format } from './format.ts'
import { messages } from './pickle-messages.ts'
import { newOpReader, nextOp, OP, PickleFault } from './pickle-ops.ts'
import { newPickleScan, readPickle, refuseTrailing, requireSafe } from './security.ts'
import { modelOf, type PickledObject } from './torch-objects.ts'
import { MAX_PICKLE_BYTES } from './torch-zip.ts'

const MAX_PROTOCOL = 5
/** Opcodes tried before a file without PROTO is called a pickle or not. */
const PROBE_OPCODES = 200

/**
 * The object of a bare pickle.
 * @throws PICKLE_TOO_LARGE, PICKLE_TRAILING_DATA (exit 3), and what `readPickle` throws
 */
export async function readBarePickle(source: ByteSource): Promise<PickledObject> {
  const { path, size } = source.file
  if (size > MAX_PICKLE_BYTES)
    throw refuse(
      'PICKLE_TOO_LARGE',
      messages.pickleTooLarge(path, size, MAX_PICKLE_BYTES),
      messages.saveWithTorch,
    )
  const bytes = await source.read(0, size)
  const scan = newPickleScan(path, source.pause)
  const { value, end } = await readPickle(scan, bytes)
  await refuseTrailing(scan, bytes, end)
  return {
    file: source.file,
    format: 'pickle',
    where: path,
    root: value,
    pickleBytes: size,
    security: requireSafe(scan),
    bigEndian: false,
    findings: [],
    storageBytes: () => undefined,
    locate: async () => new Map(),
  }
}

async function open(source: ByteSource): Promise<ModelFile> {
  return modelOf(await readBarePickle(source))
}

/**
 * PROTO says it. Protocols 0 and 1 have no mark: there the bytes must read as opcodes up to a STOP, up to a name, or
 * up to the end of the piece. Text and pictures fail at the first or second.
 */
function matches(head: Uint8Array, source: ByteSource): boolean {
  if (head[0] === OP.PROTO) return head[1]! <= MAX_PROTOCOL
  const reader = newOpReader(head)
  try {
    for (let i = 0; i < PROBE_OPCODES; i++) {
      const code = nextOp(reader)
      if (code === OP.STOP || code === OP.GLOBAL || code === OP.INST || code === OP.STACK_GLOBAL)
        return i > 0 || code !== OP.STOP
    }
    return true
  } catch (error) {
    if (!(error instanceof PickleFault)) throw error
    return error.code === 'PICKLE_TRUNCATED' && reader.opAt > 0 && source.file.size > head.byteLength
  }
}

export const barePickleFormat: Format = { id: 'pickle', title: 'pickle', matches, open }
