/** What is in a LoRA, module by module: norms, and modules that do nothing or would spoil a model. */
import { defined } from '../../system/defined.ts'
import { matrixOf } from '../../tensor/algebra/matrix.ts'
import { transposeValues } from '../../tensor/algebra/svd.ts'
import { isFloat } from '../../tensor/values/dtype.ts'
import { type Evaluation, matrixValues } from '../../tensor/values/expr.ts'
import type { Product, Whole } from '../adapters/algorithm.ts'
import { baseById } from '../adapters/base.ts'
import { basesThatFit } from '../adapters/fit.ts'
import { lookupName } from '../adapters/keymap.ts'
import type { BlockLabel } from '../networks/blocks.ts'
import { sumOfSquares } from './difference.ts'
import {
  changeOf,
  isAdditive,
  type LoraFile,
  layerShape,
  type PlacedLora,
  placedModules,
  structureOf,
} from './modules.ts'

export interface CheckedModule {
  readonly name: string
  readonly component: string
  readonly block: BlockLabel
  /** Kind of layer inside of its block: `attn1_to_q`. */
  readonly kind: string
  readonly rank?: number
  /** Frobenius norm of what it adds at full strength; of its tensors, where that depends on the model. */
  readonly norm: number
  readonly state: 'alive' | 'dead' | 'not-finite' | 'misshapen'
  /** Why nothing can be computed of it. */
  readonly fault?: string
}

export interface LoraCheck {
  readonly modules: readonly CheckedModule[]
  /** Titles of the families in which every module has its layer. */
  readonly fits: readonly string[]
}

export async function checkLora(
  file: LoraFile,
  evaluation: Evaluation,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<LoraCheck> {
  const placed = await placedModules(file)
  const modules: CheckedModule[] = []
  for (const [i, one] of placed.entries()) {
    signal.throwIfAborted()
    modules.push(await checkModule(one, evaluation))
    onProgress(i + 1, placed.length)
  }
  const fits = basesThatFit(placed.map(({ module }) => module)).map((id) => baseById(id).title)
  return { modules, fits }
}

async function checkModule(one: PlacedLora, evaluation: Evaluation): Promise<CheckedModule> {
  const { module, component, block, fault } = one
  const rank = module.algorithm.rank?.(module.parts)
  const facts = {
    name: module.name,
    component,
    block,
    kind: kindOf(lookupName(module.path), block),
    ...defined({ rank }),
  }
  if (fault !== undefined) return { ...facts, norm: 0, state: 'misshapen', fault }
  const norm = Math.sqrt(await squaredNorm(one, evaluation))
  return {
    ...facts,
    norm: Number.isFinite(norm) ? norm : 0,
    state: !Number.isFinite(norm) ? 'not-finite' : norm === 0 ? 'dead' : 'alive',
  }
}

/** Without the numbers of the block it is in. */
function kindOf(path: string, block: BlockLabel): string {
  const numbered = `${lookupName(block)}_`
  if (path.startsWith(numbered)) return path.slice(numbered.length)
  return path.replace(
    /^(?:(?:down|up)_blocks_\d+|mid_block|(?:input|output)_blocks_\d+|middle_block|text_model_encoder_layers_\d+|(?:double|single|joint)_blocks_\d+)_(?:(?:attentions|resnets|\w+samplers)_\d+_|\d+_)?(?:transformer_blocks_\d+_)?/,
    '',
  )
}

async function squaredNorm(one: PlacedLora, evaluation: Evaluation): Promise<number> {
  const { scale, of } = structureOf(one) ?? { scale: 1, of: undefined }
  if (isAdditive(one) && of?.form === 'product') return scale ** 2 * (await productSquares(of, evaluation))
  if (isAdditive(one) && of?.form === 'kron')
    return scale ** 2 * (await factorSquares(of.a, evaluation)) * (await factorSquares(of.b, evaluation))
  const shape = isAdditive(one) ? layerShape(one) : undefined
  if (shape !== undefined) return sumOfSquares(await matrixValues(changeOf(one, shape), evaluation))
  let sum = 0
  for (const tensor of one.module.parts.values()) {
    if (isFloat(tensor.dtype)) sum += sumOfSquares(await matrixValues(matrixOf(tensor), evaluation))
  }
  return sum
}

async function factorSquares(factor: Whole, evaluation: Evaluation): Promise<number> {
  return 'whole' in factor
    ? sumOfSquares(await matrixValues(factor.whole, evaluation))
    : productSquares(factor, evaluation)
}

/** ||up @ down||^2 = trace(up^T up down down^T): of two small matrices. */
async function productSquares({ up, down }: Product, evaluation: Evaluation): Promise<number> {
  const rank = down.rows
  const columns = transposeValues(Float64Array.from(await matrixValues(up, evaluation)), up.rows, rank)
  const rows = Float64Array.from(await matrixValues(down, evaluation))
  const [a, b] = [await gram(columns, rank, evaluation), await gram(rows, rank, evaluation)]
  // rounding may leave a tiny negative number where the product is 0
  const trace = a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  return Math.max(0, trace)
}

async function gram(
  rows: Float64Array<ArrayBuffer>,
  rank: number,
  { matmul }: Evaluation,
): Promise<Float64Array> {
  const length = rows.length / rank
  const out = new Float64Array(rank * rank)
  await matmul(rows, transposeValues(rows, rank, length), out, [rank, length, rank])
  return out
}
