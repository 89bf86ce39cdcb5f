import { type Algorithm, dim, type Parts, targetShape, times } from './algorithm.ts'
import { miscounted } from './factors.ts'
import { messages } from './messages.ts'
import { rotated } from './oft.ts'

/**
 * Butterfly OFT: m block-diagonal rotations with a permutation before and after each.
 *
 * | tensor     | shape                                      |
 * | oft_blocks | (m, blocks, size, size), blocks * size = O |
 * | rescale    | (O, 1[, 1, 1])                             |
 */
export const boft: Algorithm = {
  id: 'boft',
  title: 'BOFT',
  spellings: [], // the same as OFT: the number of dimensions tells them apart
  required: [['oft_blocks']],
  optional: ['alpha', 'rescale', 'dora_scale'],
  accepts: (parts) => parts.get('oft_blocks')?.shape.length === 4,
  target: (parts) => targetShape(times(dim(parts, 'oft_blocks', 1), dim(parts, 'oft_blocks', 2)), undefined),
  scalarInputs: { alpha: 1 },
  patch: (parts, input) =>
    rotated(parts, input, { form: 'cayley', stages: dim(parts, 'oft_blocks', 0)!, butterfly: true }),
  targetShapeError: (parts, [rows = 1]) => miscounted(parts, 'rescale', rows, 'outputs'),
  shapeError,
}

function shapeError(parts: Parts): string | undefined {
  const [stages = 0, blocks = 0, size = 0, width] = parts.get('oft_blocks')?.shape ?? []
  if (size !== width) return messages.blocksNotSquare
  // stage i exchanges rows within groups of 2^i blocks
  const divides = stages > 0 && size % 2 === 0 && blocks % 2 ** (stages - 1) === 0
  return divides ? undefined : messages.notAButterfly(blocks, size, stages)
}
