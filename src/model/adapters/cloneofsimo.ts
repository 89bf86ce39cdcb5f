import { isFloat } from '../../tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { lora } from './lora.ts'
import { type AdapterModule, adapterModule } from './modules.ts'

const LIST_INDEX = /^\[\d+\]$/

/** Metadata value that marks a key as an embedding, not a factor. */
const EMBED_MARK = '<embed>'

/**
 * The oldest LoRA files: a bare list of up, down, up, down ... in the order the trainer walked the modules,
 * without names. Source: cloneofsimo/lora, `save_lora_weight`. Undefined if the table is not such a list.
 */
export function numberedPairs(table: TensorTable): AdapterModule[] | undefined {
  const tensors = [...table.tensors.values()]
  if (tensors.length === 0 || tensors.length % 2 !== 0) return undefined
  if (!tensors.every(({ name, shape }) => LIST_INDEX.test(name) && shape.length === 2)) return undefined
  const modules: AdapterModule[] = []
  for (let i = 0; i < tensors.length; i += 2) {
    const [up, down] = [tensors[i]!, tensors[i + 1]!]
    if (!isFactorPair(up, down)) return undefined
    modules.push(numberedModule(i / 2, up, down))
  }
  return withTarget(modules)
}

/** (O, r) and (r, I), with a rank below both sides: two square matrices in a list are no LoRA. */
function isFactorPair(up: Tensor, down: Tensor): boolean {
  const [out, rank] = up.shape as [number, number]
  const [sameRank, input] = down.shape as [number, number]
  return rank === sameRank && rank < out && rank < input
}

function numberedModule(index: number, up: Tensor, down: Tensor): AdapterModule {
  const name = `${index}`
  const parts = new Map([
    ['lora_up', up],
    ['lora_down', down],
  ])
  return adapterModule(name, parts, lora, { target: 'unet', dialect: 'cloneofsimo', prefix: '', path: name })
}

/** Text encoders have one width; a UNet has several. */
function withTarget(modules: readonly AdapterModule[]): AdapterModule[] {
  const widths = new Set(modules.map(({ shape }) => shape.rows))
  return modules.map((module) => (widths.size > 1 ? module : { ...module, target: 'te1' }))
}

/** How people write tokens; no layer is called so. */
const TOKEN = /^<[^<>]+>$/

/** Tokens trained along with the factors: a key of its own each, marked in the metadata or written like a token. */
export function tokenTensors({ tensors, metadata }: TensorTable): Tensor[] {
  return [...tensors.values()].filter(({ name, shape, dtype }) => {
    const isNamed = TOKEN.test(name) || (Object.hasOwn(metadata, name) && metadata[name] === EMBED_MARK)
    return isNamed && isFloat(dtype) && (shape.length === 1 || shape.length === 2)
  })
}
