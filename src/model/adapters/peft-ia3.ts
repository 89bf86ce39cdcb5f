import { scaleColumns, scaleRows, sum } from '../../tensor/algebra/matrix.ts'
import type { Matrix } from '../../tensor/values/table.ts'
import { type Algorithm, type Numbers, type Parts, plainSpellings, targetShape } from './algorithm.ts'
import { column, countOf } from './factors.ts'
import { messages } from './messages.ts'
import { pathInConfig } from './peft/path.ts'

/**
 * IA3 as PEFT writes it: W' = W * l, along the inputs in feedforward modules, else along the outputs, and then the bias of
 * the layer, too. A strength m gives W (1 + m (l - 1)).
 *
 * | tensor | linear            | conv         |
 * | ia3_l  | (O, 1) or (1, I)  | (1, n, 1, 1) |
 *
 * In convolutions with as many outputs as inputs the configuration alone tells which. Source: PEFT `tuners/ia3/layer.py`.
 */
export const peftIa3: Algorithm = {
  id: 'peft-ia3',
  title: 'IA3 of PEFT',
  spellings: plainSpellings('ia3_l'),
  required: [['ia3_l']],
  optional: [],
  target(parts) {
    if (!isLinear(parts)) return targetShape(undefined, undefined)
    const count = countOf(parts, 'ia3_l')
    return alongInputs(parts) ? targetShape(undefined, count) : targetShape(count, undefined)
  },
  configured(config, module) {
    const modules = config?.feedforward
    if (isLinear(module.parts) || !Array.isArray(modules)) return new Map()
    const path = pathInConfig(module)
    const isFeedforward = modules.some((name: string) => path.endsWith(name))
    return new Map([['on_input', Float64Array.of(isFeedforward ? 1 : 0)]])
  },
  patch(parts, { weight, shape, ratio, numbers }) {
    const scaled = onInput(parts, shape, numbers)
      ? scaleColumns(weight, column(parts, 'ia3_l'))
      : scaleRows(weight, column(parts, 'ia3_l'))
    return atStrength(weight, scaled, ratio)
  },
  patchBias(parts, bias, { ratio, numbers }) {
    // a vector for the inputs of a layer may have as many values as there are outputs
    const scalesInputs = isLinear(parts) ? alongInputs(parts) : numbers.get('on_input')?.[0] === 1
    if (scalesInputs || countOf(parts, 'ia3_l') !== bias.rows) return bias
    return atStrength(bias, scaleRows(bias, column(parts, 'ia3_l')), ratio)
  },
  targetShapeError(parts, shape, numbers) {
    const [rows = 1, inputs = 1] = shape
    const count = countOf(parts, 'ia3_l')
    const side = onInput(parts, shape, numbers)
    if (side === undefined) return messages.ia3Ambiguous(count)
    if (count === (side ? inputs : rows)) return undefined
    return side ? messages.ia3Inputs(count, inputs) : messages.ia3Outputs(count, rows)
  },
  shapeError: (parts) =>
    (parts.get('ia3_l')?.shape.filter((n) => n !== 1).length ?? 0) > 1 ? messages.ia3NotVector : undefined,
}

function isLinear(parts: Parts): boolean {
  return parts.get('ia3_l')?.shape.length === 2
}

function alongInputs(parts: Parts): boolean {
  return parts.get('ia3_l')?.shape[0] === 1 && countOf(parts, 'ia3_l') !== 1
}

/** Undefined where neither the shape nor the configuration tells. */
function onInput(parts: Parts, [rows, inputs]: readonly number[], numbers: Numbers): boolean | undefined {
  if (isLinear(parts)) return alongInputs(parts)
  const said = numbers.get('on_input')?.[0]
  if (said !== undefined) return said === 1
  const count = countOf(parts, 'ia3_l')
  if (rows === inputs && count === rows) return undefined
  return count === inputs
}

function atStrength(before: Matrix, scaled: Matrix, ratio: number): Matrix {
  return ratio === 1 ? scaled : sum({ factor: 1 - ratio, of: before }, { factor: ratio, of: scaled })
}
