import { type Algorithm, type Parts, plainSpellings, targetShape, times } from './algorithm.ts'

/**
 * Block-diagonal rotation of the outputs (Cayley transform of skew-symmetric blocks). `alpha` is the constraint
 * on the rotation, not a scale. `oft_diag` is the old LyCORIS form: its blocks are rotations already.
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
  misfit(parts) {
    const shape = blocksOf(parts)?.shape ?? []
    return shape[1] === shape[2] ? undefined : `its blocks are ${shape[1]} x ${shape[2]}, not square`
  },
}

function blocksOf(parts: Parts) {
  return parts.get('oft_blocks') ?? parts.get('oft_diag')
}
