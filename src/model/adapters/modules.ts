import { defined } from '../../system/defined.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { Algorithm, PartRole, Parts, Spelling, TargetShape } from './algorithm.ts'
import { algorithmOf, SPELLINGS } from './registry.ts'
import { setWeight } from './set-weight.ts'
import { type ModulePlace, modulePlaceOf } from './targets.ts'

/** One adapted layer: its tensors by role, and where it belongs. */
export interface AdapterModule extends ModulePlace {
  readonly name: string
  readonly parts: Parts
  readonly algorithm: Algorithm
  /** What its factors say about the weight they change. */
  readonly shape: TargetShape
}

export function adapterModule(
  name: string,
  parts: Parts,
  algorithm: Algorithm,
  place = modulePlaceOf(name),
): AdapterModule {
  return { ...place, name, parts, algorithm, shape: algorithm.target(parts) }
}

/** The keys of a file as adapter modules, and what is left over. */
export interface AdapterKeys {
  readonly modules: readonly AdapterModule[]
  /** Modules of which a tensor is missing, with the roles that are there. */
  readonly incomplete: readonly { readonly name: string; readonly roles: readonly PartRole[] }[]
  /** Keys that belong to no module. */
  readonly strays: readonly Tensor[]
}

/** Parts of the longest suffix (`lora_linear_layer.down.weight`). */
const MAX_SUFFIX_PARTS = 3

// PEFT writes the adapter's name between: lora_A.default.weight
const NAMED_ADAPTER =
  /\.(lora_[AB]|lora_embedding_[AB]|lora_magnitude_vector|oft_R|boft_[Rs]|ia3_l|(?:hada|lokr)_\w+)\.([^.]+)(\.weight)?$/
// diffusers attention processors, old text encoders: ...to_q_lora.down.weight
const ATTENTION_LORA = /([._]to_(?:q|k|v|out))_lora\.(down|up)\.weight$/
// kohya's OFT of Flux: a list of rotations, one for each part of a fused weight
const OFT_LIST = /^(.+)\.oft_blocks\.(\d+)$/s
// cloneofsimo/lora: unet:12:up, numbered in the order the modules are walked
const CLONEOFSIMO = /^((?:unet|text_encoder):\d+):(up|down)$/

export interface SplitKey extends Omit<Spelling, 'suffix'> {
  readonly module: string
}

/** Module and role of a key; undefined if it ends in no known suffix. */
export function splitKey(key: string): SplitKey | undefined {
  return splitIrregular(key) ?? splitBySuffix(key)
}

function splitIrregular(key: string): SplitKey | undefined {
  const named = NAMED_ADAPTER.exec(key)
  if (named !== null && named[2] !== 'weight' && named[2] !== 'bias') {
    const spelling = SPELLINGS.get(`${named[1]}${named[3] ?? ''}`)
    return spelling && { module: key.slice(0, named.index), role: spelling.role }
  }
  const attention = ATTENTION_LORA.exec(key)
  if (attention !== null) {
    const module = key.slice(0, attention.index) + attention[1]
    return { module, role: `lora_${attention[2]}` }
  }
  const part = OFT_LIST.exec(key)
  if (part !== null) return { module: `${part[1]}.${part[2]}`, role: 'oft_blocks' }
  const numbered = CLONEOFSIMO.exec(key)
  return numbered === null ? undefined : { module: numbered[1]!, role: `lora_${numbered[2]}` }
}

function splitBySuffix(key: string): SplitKey | undefined {
  let found: SplitKey | undefined
  let dot = key.length
  for (let i = 0; i < MAX_SUFFIX_PARTS; i++) {
    dot = key.lastIndexOf('.', dot - 1)
    if (dot <= 0) break
    const spelling = SPELLINGS.get(key.slice(dot + 1))
    if (spelling === undefined) continue
    const { role, trust } = spelling
    found = { module: key.slice(0, dot), role, ...defined({ trust }) }
  }
  return found
}

interface Gathered {
  readonly parts: Map<PartRole, Tensor>
  /** A suffix that nothing else uses was among its keys. */
  sure: boolean
}

/**
 * Splits the keys of a file into adapter modules. A key with a suffix that ordinary weights have, too, only
 * counts beside one that adapters alone have; what stays alone is a stray.
 */
export function splitModules(table: TensorTable): AdapterKeys {
  const gathered = new Map<string, Gathered>()
  const strays: Tensor[] = []
  const companions: { tensor: Tensor; split: SplitKey }[] = []
  for (const tensor of table.tensors.values()) {
    const split = splitKey(tensor.name)
    if (split === undefined) strays.push(tensor)
    else if (split.trust === 'companion') companions.push({ tensor, split })
    else gather(gathered, strays, tensor, split)
  }
  for (const { tensor, split } of companions) {
    if (gathered.has(split.module)) gather(gathered, strays, tensor, split)
    else strays.push(tensor)
  }
  return judge(withListedRotations(gathered, table), strays)
}

/**
 * The rotations of a list share the alpha of their module. A list of one is for the whole weight, so that its module has
 * the name of the layer.
 */
function withListedRotations(
  gathered: ReadonlyMap<string, Gathered>,
  { tensors }: TensorTable,
): ReadonlyMap<string, Gathered> {
  const modules = new Map(gathered)
  for (const [name, { parts, sure }] of gathered) {
    const [, owner, index] = OFT_LIST.exec(parts.get('oft_blocks')?.name ?? '') ?? []
    if (owner === undefined) continue
    const alpha = gathered.get(owner)?.parts.get('alpha')
    const whole = index === '0' && !tensors.has(`${owner}.oft_blocks.1`)
    modules.delete(owner)
    if (whole) modules.delete(name)
    const all = new Map(alpha ? [...parts, ['alpha', alpha]] : parts)
    modules.set(whole ? owner : name, { parts: all, sure })
  }
  return modules
}

function gather(into: Map<string, Gathered>, strays: Tensor[], tensor: Tensor, split: SplitKey): void {
  let module = into.get(split.module)
  if (module === undefined) {
    module = { parts: new Map(), sure: false }
    into.set(split.module, module)
  }
  // Two spellings of one role in one module: a merge of two files. The first is kept, the second reported.
  if (module.parts.has(split.role)) strays.push(tensor)
  else module.parts.set(split.role, tensor)
  module.sure ||= split.trust === undefined
}

function judge(gathered: ReadonlyMap<string, Gathered>, strays: Tensor[]): AdapterKeys {
  const modules: AdapterModule[] = []
  const incomplete: { name: string; roles: PartRole[] }[] = []
  for (const [name, { parts, sure }] of gathered) {
    const algorithm = algorithmOf(parts)
    const believed = sure || algorithm?.shapeError?.(parts) === undefined
    if (algorithm !== undefined && believed) modules.push(adapterModule(name, parts, algorithm))
    else if (sure) incomplete.push({ name, roles: [...parts.keys()] })
    else strays.push(...parts.values())
  }
  return adoptNormScales({ modules, incomplete, strays })
}

const NORM_SCALE = /^(.*_norm)\.scale$/s

/** Black Forest Labs' control LoRAs carry whole norm scales under their plain names: they replace the weight. */
function adoptNormScales(split: AdapterKeys): AdapterKeys {
  if (!split.modules.some(({ dialect }) => dialect === 'bfl')) return split
  const modules = [...split.modules]
  const strays: Tensor[] = []
  for (const tensor of split.strays) {
    const name = NORM_SCALE.exec(tensor.name)?.[1]
    if (name === undefined) strays.push(tensor)
    else modules.push(adapterModule(name, new Map([['set_weight', tensor]]), setWeight))
  }
  return { ...split, modules, strays }
}
