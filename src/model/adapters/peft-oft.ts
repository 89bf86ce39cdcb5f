import { matrixOf, rotate, transposed } from '../../tensor/algebra/matrix.ts'
import type { Matrix } from '../../tensor/values/table.ts'
import {
  type Algorithm,
  type ConfiguredModule,
  dim,
  type Numbers,
  type Parts,
  type PatchInput,
  targetShape,
} from './algorithm.ts'
import { matrixSize } from './factors.ts'
import { messages } from './messages.ts'
import { configRefusal, type PeftConfig } from './peft/config.ts'

/**
 * OFT as PEFT writes it: a block-diagonal rotation of the inputs. How the values above the diagonal become a rotation
 * stands in the configuration alone. PEFT knows no strength but 1; here it is W + m (W' - W).
 *
 * | tensor | shape                                                                          |
 * | oft_R  | (blocks, size * (size - 1) / 2), blocks * size = I*kh*kw; one block for all of them |
 *
 * Source: PEFT `tuners/oft/layer.py` (0.14 and later; the OFT before that was another).
 */
export const peftOft: Algorithm = {
  id: 'peft-oft',
  title: 'OFT of PEFT',
  spellings: [{ suffix: 'oft_R.weight', role: 'oft_R' }],
  required: [['oft_R']],
  optional: [],
  target(parts) {
    const blocks = dim(parts, 'oft_R', 0)
    const size = blockSize(parts)
    // one block may be for any number of inputs
    return targetShape(undefined, blocks === undefined || blocks === 1 ? undefined : blocks * (size ?? 0))
  },
  configured,
  patch: (parts, input) => transposed(rotated(parts, input)),
  shapeError: (parts) =>
    parts.get('oft_R')?.shape.length === 2 && blockSize(parts) !== undefined
      ? undefined
      : messages.notTriangles(parts.get('oft_R')?.shape),
  targetShapeError(parts, shape, numbers) {
    if (!numbers.has('oft_terms')) return messages.rotationUnknown
    const [blocks = 0, size = 1] = [dim(parts, 'oft_R', 0), blockSize(parts)]
    const [, columns] = matrixSize(shape)
    const isShared = blocks === 1 && numbers.get('oft_shared')?.[0] === 1
    const fits = isShared ? columns % size === 0 : columns === blocks * size
    return fits ? undefined : messages.oftInputs(blocks, size, columns)
  },
}

/** n = size * (size - 1) / 2 */
function blockSize(parts: Parts): number | undefined {
  const n = dim(parts, 'oft_R', 1) ?? 0
  const size = Math.round((1 + Math.sqrt(1 + 8 * n)) / 2)
  return n > 0 && size * (size - 1) === 2 * n ? size : undefined
}

function configured(config: PeftConfig | undefined, { name }: ConfiguredModule): Numbers {
  const oft = config?.oft
  if (oft === undefined) throw configRefusal(messages.oftNeedsConfig(name, peftOft.title))
  return new Map([
    ['oft_terms', Float64Array.of(oft.terms)],
    ['oft_shared', Float64Array.of(oft.isShared ? 1 : 0)],
    ...(oft.limit === undefined ? [] : [['oft_limit', Float64Array.of(oft.limit)] as const]),
  ])
}

function rotated(parts: Parts, { weight, ratio, numbers }: PatchInput): Matrix {
  const blocks = parts.get('oft_R')!
  const [terms, limit] = [numbers.get('oft_terms')?.[0], numbers.get('oft_limit')?.[0]]
  if (terms === undefined) throw new Error(`${blocks.name}: the configuration was not read`)
  return rotate(transposed(weight), {
    blocks: matrixOf(blocks),
    packed: true,
    size: blockSize(parts)!,
    stages: 1,
    butterfly: false,
    strength: ratio,
    // the transpose of each rotation is applied: that of PEFT's (I - Q)(I + Q)^-1 is the `cayley` of the same Q
    ...(terms === 0 ? { form: 'cayley' } : { form: 'neumann', terms, skew: -1 }),
    ...(limit === undefined ? {} : { blockLimit: blockLimit(limit, blocks.shape[0]!) }),
  })
}

/** In binary32, by a reciprocal, as torch divides a number by a tensor; also where all else is in binary64. */
function blockLimit(eps: number, blocks: number): number {
  return Math.fround(Math.fround(eps) * Math.fround(1 / Math.fround(Math.sqrt(blocks))))
}
