import { kron, product, transposed } from '../../tensor/algebra/matrix.ts'
import type { Matrix } from '../../tensor/values/table.ts'
import {
  type Algorithm,
  dim,
  flatColumns,
  kernelOf,
  type Parts,
  plainSpellings,
  type TargetShape,
  targetShape,
  times,
  type Whole,
} from './algorithm.ts'
import { alphaScale, factor, tuckerInner, withDelta } from './factors.ts'
import { messages } from './messages.ts'

/**
 * dW = alpha/r * kron(w1, w2). Each factor is a whole matrix or a product of rank r. Which factor is the bigger
 * one differs between versions of the trainer, so nothing may be assumed.
 *
 * | tensor             | shape                                              |
 * | lokr_w1            | (O1, I1)                                           |
 * | lokr_w1_a, w1_b    | (O1, r), (r, I1)                                   |
 * | lokr_w2            | (O2, I2) or (O2, I2, kh, kw)                       |
 * | lokr_w2_a, w2_b    | (O2, r), (r, I2*kh*kw)                             |
 * | lokr_t2            | (r, r, kh, kw), with w2_a (r, O2) and w2_b (r, I2) |
 */
export const lokr: Algorithm = {
  id: 'lokr',
  title: 'LoKr',
  spellings: plainSpellings(
    'lokr_w1',
    'lokr_w1_a',
    'lokr_w1_b',
    'lokr_w2',
    'lokr_w2_a',
    'lokr_w2_b',
    'lokr_t1',
    'lokr_t2',
  ),
  required: [
    ['lokr_w1', 'lokr_w2'],
    ['lokr_w1', 'lokr_w2_a', 'lokr_w2_b'],
    ['lokr_w1_a', 'lokr_w1_b', 'lokr_w2'],
    ['lokr_w1_a', 'lokr_w1_b', 'lokr_w2_a', 'lokr_w2_b'],
  ],
  // lokr_t1 stands in lists of suffixes, but no trainer writes it
  optional: ['lokr_t1', 'lokr_t2', 'alpha', 'dora_scale'],
  rank,
  target(parts) {
    const second = secondFactor(parts)
    const rows = times(dim(parts, 'lokr_w1', 0) ?? dim(parts, 'lokr_w1_a', 0), second.rows)
    const columns = times(dim(parts, 'lokr_w1', 1) ?? dim(parts, 'lokr_w1_b', 1), second.columns)
    return targetShape(rows, columns, second.kernel)
  },
  scalarInputs: { alpha: 1 },
  // kron of the matrices flattened from dim 1 is the same as kron of (O1, I1, 1, 1) and (O2, I2, kh, kw)
  patch(parts, input) {
    const delta = kron(whole(parts, '1'), whole(parts, '2'))
    return withDelta(input, alphaScale(parts, input.numbers, rank(parts)), delta)
  },
  structure: (parts, numbers) => ({
    scale: alphaScale(parts, numbers, rank(parts)),
    of: { form: 'kron', a: factors(parts, '1'), b: factors(parts, '2') },
  }),
  shapeError,
}

/** Two whole factors have no rank: such files store alpha = nominal dim, which must not be divided. */
function rank(parts: Parts): number | undefined {
  return (
    (parts.has('lokr_w2') ? undefined : dim(parts, 'lokr_w2_b', 0)) ??
    (parts.has('lokr_w1') ? undefined : dim(parts, 'lokr_w1_b', 0))
  )
}

function whole(parts: Parts, n: '1' | '2'): Matrix {
  const own = factors(parts, n)
  return 'whole' in own ? own.whole : product(own.up, own.down)
}

function factors(parts: Parts, n: '1' | '2'): Whole {
  if (parts.has(`lokr_w${n}`)) return { whole: factor(parts, `lokr_w${n}`) }
  const [a, b] = [factor(parts, `lokr_w${n}_a`), factor(parts, `lokr_w${n}_b`)]
  const isTucker = n === '2' && parts.has('lokr_t2')
  return isTucker ? { up: transposed(a), down: tuckerInner(parts, 'lokr_t2', b) } : { up: a, down: b }
}

function secondFactor(parts: Parts): TargetShape {
  const whole = parts.get('lokr_w2')
  if (whole !== undefined) {
    // A 2-D factor may be the flattened form of a convolution, so it tells no kernel.
    const kernel = whole.shape.length > 2 ? kernelOf(parts, 'lokr_w2') : undefined
    return targetShape(whole.shape[0], flatColumns(parts, 'lokr_w2'), kernel)
  }
  if (!parts.has('lokr_t2')) return targetShape(dim(parts, 'lokr_w2_a', 0), flatColumns(parts, 'lokr_w2_b'))
  const kernel = kernelOf(parts, 'lokr_t2')
  const columns = times(dim(parts, 'lokr_w2_b', 1), kernel?.[0], kernel?.[1])
  return targetShape(dim(parts, 'lokr_w2_a', 1), columns, kernel)
}

function shapeError(parts: Parts): string | undefined {
  const flat = [...parts].find(([role, { shape }]) => role.startsWith('lokr_') && shape.length < 2)
  if (flat !== undefined) return messages.notAMatrix(flat[0])
  const pairs = [
    ['lokr_w1_a', 1, 'lokr_w1_b'],
    ['lokr_w2_a', parts.has('lokr_t2') ? 0 : 1, 'lokr_w2_b'],
  ] as const
  for (const [a, axis, b] of pairs) {
    if (parts.has(a) && parts.has(b) && dim(parts, a, axis) !== dim(parts, b, 0)) {
      return messages.twoRanks(a, dim(parts, a, axis), b, dim(parts, b, 0))
    }
  }
  return undefined
}
