import { hadamard, product, transposed } from '../../tensor/algebra/matrix.ts'
import type { Matrix } from '../../tensor/values/table.ts'
import {
  type Algorithm,
  dim,
  kernelOf,
  type Parts,
  type Product,
  plainSpellings,
  targetShape,
  times,
} from './algorithm.ts'
import { alphaScale, factor, tuckerInner, withDelta } from './factors.ts'
import { messages } from './messages.ts'

/**
 * dW = alpha/r * (w1_a @ w1_b) . (w2_a @ w2_b), elementwise; alpha/r is applied once (LyCORIS' own merge
 * path applies it twice, its forward path, ComfyUI and A1111 once).
 *
 * | tensor           | linear, conv   | Tucker conv    |
 * | hada_w1_a, w2_a  | (O, r)         | (r, O)         |
 * | hada_w1_b, w2_b  | (r, I*kh*kw)   | (r, I)         |
 * | hada_t1, t2      |                | (r, r, kh, kw) |
 */
export const loha: Algorithm = {
  id: 'loha',
  title: 'LoHa',
  spellings: plainSpellings('hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b', 'hada_t1', 'hada_t2'),
  required: [['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b']],
  optional: ['hada_t1', 'hada_t2', 'alpha', 'dora_scale'],
  rank,
  target(parts) {
    if (!parts.has('hada_t1')) return targetShape(dim(parts, 'hada_w1_a', 0), dim(parts, 'hada_w1_b', 1))
    const kernel = kernelOf(parts, 'hada_t1')
    const columns = times(dim(parts, 'hada_w1_b', 1), kernel?.[0], kernel?.[1])
    return targetShape(dim(parts, 'hada_w1_a', 1), columns, kernel)
  },
  scalarInputs: { alpha: 1 },
  patch(parts, input) {
    const delta = hadamard(half(parts, '1'), half(parts, '2'))
    return withDelta(input, alphaScale(parts, input.numbers, rank(parts)), delta)
  },
  structure: (parts, numbers) => ({
    scale: alphaScale(parts, numbers, rank(parts)),
    of: { form: 'hadamard', of: [factors(parts, '1'), factors(parts, '2')] },
  }),
  shapeError,
}

function rank(parts: Parts): number | undefined {
  return dim(parts, 'hada_w1_b', 0)
}

function half(parts: Parts, n: '1' | '2'): Matrix {
  const { up, down } = factors(parts, n)
  return product(up, down)
}

function factors(parts: Parts, n: '1' | '2'): Product {
  const [a, b] = [factor(parts, `hada_w${n}_a`), factor(parts, `hada_w${n}_b`)]
  const core = `hada_t${n}`
  return parts.has(core) ? { up: transposed(a), down: tuckerInner(parts, core, b) } : { up: a, down: b }
}

function shapeError(parts: Parts): string | undefined {
  const tucker = parts.has('hada_t1')
  if (tucker !== parts.has('hada_t2')) return messages.halfTucker
  const outAxis = tucker ? 1 : 0
  const sameTarget =
    dim(parts, 'hada_w1_a', outAxis) === dim(parts, 'hada_w2_a', outAxis) &&
    dim(parts, 'hada_w1_b', 1) === dim(parts, 'hada_w2_b', 1)
  if (!sameTarget) return messages.differentTargets
  const fits = ['1', '2'].every((n) => {
    return dim(parts, `hada_w${n}_a`, 1 - outAxis) === dim(parts, `hada_w${n}_b`, 0)
  })
  return fits ? undefined : messages.differentRanks
}
