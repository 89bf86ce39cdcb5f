import { matrixOf, rotate, scaleRows } from '../../tensor/algebra/matrix.ts'
import type { Matrix, Rotation } from '../../tensor/values/table.ts'
import {
  type Algorithm,
  type Parts,
  type PatchInput,
  plainSpellings,
  targetShape,
  times,
} from './algorithm.ts'
import { column, miscounted, numberOf } from './factors.ts'
import { messages } from './messages.ts'

/**
 * Block-diagonal rotation of the outputs (Cayley transform of skew-symmetric blocks). `alpha` is the constraint
 * on the rotation, not a scale. `oft_diag` is the old LyCORIS form: its blocks are rotations already (LyCORIS from
 * November 2023 to February 2024; A1111 reads it the same way. Before, for a month of unreleased code, they were
 * differences from the identity).
 *
 * | tensor     | shape                                     |
 * | oft_blocks | (blocks, size, size), blocks * size = O   |
 * | oft_diag   | (blocks, size, size)                      |
 * | rescale    | (O, 1[, 1, 1]), factor of each row        |
 */
export const oft: Algorithm = {
  id: 'oft',
  title: 'OFT',
  spellings: plainSpellings('oft_blocks', 'oft_diag', 'rescale'),
  required: [['oft_blocks'], ['oft_diag']],
  optional: ['alpha', 'rescale', 'dora_scale'],
  accepts: (parts) => blocksOf(parts)?.shape.length === 3,
  target: (parts) => {
    const [blocks, size] = blocksOf(parts)?.shape ?? []
    return targetShape(times(blocks, size), undefined)
  },
  scalarInputs: { alpha: 1 },
  patch(parts, input) {
    const form = parts.has('oft_blocks') ? 'cayley' : 'plain'
    return rotated(parts, input, { form, stages: 1, butterfly: false })
  },
  targetShapeError: (parts, [rows = 1]) => miscounted(parts, 'rescale', rows, 'outputs'),
  shapeError(parts) {
    const shape = blocksOf(parts)?.shape ?? []
    return shape[1] === shape[2] ? undefined : messages.rectangularBlocks(shape[1], shape[2])
  },
}

function blocksOf(parts: Parts) {
  return parts.get('oft_blocks') ?? parts.get('oft_diag')
}

/**
 * The rotated weight, times `rescale` for each row, which the strength does not touch. As LyCORIS does it: ComfyUI
 * takes alpha as the constraint where LyCORIS and kohya-ss take alpha * outputs, and applies the strength twice. kohya-ss
 * differs for alpha = 0 alone: no limit here and in LyCORIS, no rotation at all there.
 */
export function rotated(
  parts: Parts,
  { weight, shape, ratio, numbers }: PatchInput,
  how: Pick<Rotation, 'form' | 'stages' | 'butterfly'>,
): Matrix {
  const blocks = blocksOf(parts)!
  const size = blocks.shape.at(-1)!
  const constraint = (numberOf(parts, numbers, 'alpha') ?? 0) * (shape[0] ?? 1)
  const rotated = rotate(weight, {
    ...how,
    size,
    blocks: matrixOf(blocks, how.stages * weight.rows, size),
    strength: ratio,
    ...(constraint > 0 ? { constraint } : {}),
  })
  return parts.has('rescale') ? scaleRows(rotated, column(parts, 'rescale')) : rotated
}
