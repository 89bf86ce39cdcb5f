import { type Algorithm, dim, targetShape, times } from './algorithm.ts'

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
  misfit: (parts) =>
    dim(parts, 'oft_blocks', 2) === dim(parts, 'oft_blocks', 3) ? undefined : 'its blocks are not square',
}
