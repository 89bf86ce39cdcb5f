import { matrixOf, rotate, scaleRows, sum, transposed } from '../../tensor/algebra/matrix.ts'
import { type Algorithm, dim, type Parts, plainSpellings, targetShape, times } from './algorithm.ts'
import { column, countOf } from './factors.ts'
import { messages } from './messages.ts'

/**
 * BOFT as PEFT writes it: m block-diagonal rotations of the inputs with a butterfly permutation around each, whose pieces
 * are half blocks, and a factor for each output. PEFT knows no strength but 1: here R becomes I + m (R - I), and the
 * factor 1 + m (s - 1).
 *
 * | tensor | shape                                            |
 * | boft_R | (m, blocks, size, size), blocks * size = I*kh*kw |
 * | boft_s | (O, 1), in convolutions (1, O)                   |
 *
 * Source: PEFT `tuners/boft/layer.py`.
 */
export const peftBoft: Algorithm = {
  id: 'peft-boft',
  title: 'BOFT of PEFT',
  spellings: plainSpellings('boft_R', 'boft_s'),
  required: [['boft_R', 'boft_s']],
  optional: [],
  target: (parts) =>
    targetShape(countOf(parts, 'boft_s'), times(dim(parts, 'boft_R', 1), dim(parts, 'boft_R', 2))),
  patch(parts, { weight, ratio }) {
    const [stages, size] = [dim(parts, 'boft_R', 0)!, dim(parts, 'boft_R', 2)!]
    const rotated = transposed(
      rotate(transposed(weight), {
        blocks: matrixOf(parts.get('boft_R')!, stages * weight.columns, size),
        size,
        stages,
        butterfly: true,
        chunk: size / 2,
        form: 'cayley',
        // PEFT's (I - Q)(I + Q)^-1 of Q = (B - B^T) / 2
        skew: -0.5,
        strength: ratio,
      }),
    )
    const scaled = scaleRows(rotated, column(parts, 'boft_s'))
    return ratio === 1 ? scaled : sum({ factor: 1 - ratio, of: rotated }, { factor: ratio, of: scaled })
  },
  shapeError,
}

function shapeError(parts: Parts): string | undefined {
  const { length } = parts.get('boft_R')?.shape ?? []
  const [stages = 0, blocks = 0, size = 0, width] = parts.get('boft_R')?.shape ?? []
  if (length !== 4 || size !== width) return messages.blocksNotSquare
  // stage i exchanges half blocks within groups of 2^i blocks; a single stage exchanges nothing
  const divides = stages === 1 || (stages > 0 && size % 2 === 0 && blocks % 2 ** (stages - 1) === 0)
  return divides ? undefined : messages.notAButterfly(blocks, size, stages)
}
