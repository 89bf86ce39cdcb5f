/** A LoRA with the names of other programs. */
import { defined } from '../../../system/defined.ts'
import { cast } from '../../../tensor/values/expr.ts'
import { reshape } from '../../../tensor/values/slices.ts'
import type { Tensor } from '../../../tensor/values/table.ts'
import type { Parts } from '../../adapters/algorithm.ts'
import type { TargetId } from '../../adapters/targets.ts'
import type { ValueReader } from '../../identify/evidence.ts'
import type { Architecture } from '../../networks/architectures/architecture.ts'
import { alphaTensor } from '../factors.ts'
import { isPlainLora, type PlacedLora } from '../modules.ts'
import { type Layer, type LayerModule, type LayerName, layersOf } from './layers.ts'
import { type Naming, type NamingId, namingById, prefixOf } from './namings.ts'
import { canTakeRows, onDiagonal, onTop, type Piece, rowsOfModule, swappedModule } from './rows.ts'
import { strengthOf, withStrength } from './strength.ts'

/** A module under its new name. */
export interface RenamedModule {
  readonly target: TargetId
  /** Without the prefix of the naming. */
  readonly path: string
  readonly tensors: readonly Tensor[]
  /** Of a module with a rank. */
  readonly rank?: number
  /** alpha / rank; only where the naming keeps it in a configuration. */
  readonly strength?: number
}

/** Why a module has no place in the naming. */
export type Obstacle = 'no-layer' | 'no-name' | 'no-network' | 'not-read' | 'mixes-outputs' | 'not-plain'

export interface Refused {
  readonly module: string
  readonly obstacle: Obstacle
  /** Of its algorithm, for people. */
  readonly title: string
}

export interface RenamedLora {
  readonly modules: readonly RenamedModule[]
  readonly refused: readonly Refused[]
  /** Modules that were taken apart, and those that were put together. */
  readonly split: number
  readonly fused: number
}

interface Made {
  readonly name: string
  readonly one: PlacedLora
  readonly parts: Parts
  readonly strength?: number
}

/** Made modules of a layer, or why there are none. */
type Result = readonly Made[] | Obstacle

/**
 * Every module under the names of `naming`: layers that it keeps in parts are taken apart, those it keeps as one are put
 * together. The change of each weight is the same, exactly, but for one rounding where strengths are multiplied in.
 * @param read of factors of up to a few million values, to see whether parts of a layer share one
 */
export async function renamedLora(
  placed: readonly PlacedLora[],
  architecture: Architecture,
  id: NamingId,
  read: ValueReader,
): Promise<RenamedLora> {
  const naming = namingById(id)
  const { layers, unplaced, namesOf } = layersOf(placed, architecture)
  const refused = unplaced.map((one) => refusal(one, 'no-layer'))
  const modules: RenamedModule[] = []
  let [split, fused] = [0, 0]
  for (const layer of layers) {
    const prefix = prefixOf(id, layer.target, architecture)
    const result = prefix === undefined ? 'no-network' : await made(layer, namesOf(layer, id), naming, read)
    if (typeof result === 'string') {
      refused.push(...layer.modules.map(({ one }) => refusal(one, result)))
      continue
    }
    if (result.length > layer.modules.length) split += layer.modules.length
    if (result.length < layer.modules.length) fused += layer.modules.length
    modules.push(...result.map((one) => written(one, layer.target, prefix!, naming)))
  }
  return { modules, refused, split, fused }
}

function refusal({ module: { name, algorithm } }: PlacedLora, obstacle: Obstacle): Refused {
  return { module: name, obstacle, title: algorithm.title }
}

async function made(
  layer: Layer,
  names: readonly LayerName[],
  naming: Naming,
  read: ValueReader,
): Promise<Result> {
  if (names.length === 0) return 'no-name'
  if (layer.modules.some(({ one }) => !isReadable(one, naming))) return 'not-read'
  const [first] = layer.modules as [LayerModule, ...LayerModule[]]
  if (first.place.rows === undefined) return fromWhole(first, names, layer.outputs)
  const [whole] = names
  if (names.length === 1 && whole!.rows === undefined) return fusedModule(layer, whole!, read)
  return renamedParts(layer, names)
}

/** Whether programs read all of a module under these names. */
function isReadable({ module: { algorithm, parts } }: PlacedLora, { roles }: Naming): boolean {
  if (roles === undefined) return true
  if (algorithm.id !== 'lora') return false
  return [...parts].every(([role, { shape }]) => {
    if (role === 'alpha' || role === 'scale') return true
    return roles.has(role === 'dora_scale' && shape[0] !== 1 ? 'magnitude' : role)
  })
}

function fromWhole({ one, place }: LayerModule, names: readonly LayerName[], outputs = 0): Result {
  const { algorithm, parts } = one.module
  const strength = strengthOf(one)
  const isCut = names.some(({ rows }) => rows !== undefined)
  const turns = ({ swappedHalves }: LayerName) => (swappedHalves === true) !== (place.swappedHalves === true)
  if ((isCut || names.some(turns)) && !canTakeRows(algorithm.id, parts, outputs)) return 'mixes-outputs'
  return names.map((name) => {
    const own = name.rows === undefined ? parts : rowsOfModule(algorithm.id, parts, name.rows)
    const turned = turns(name) ? swappedModule(algorithm.id, own) : own
    return { name: name.name, one, parts: turned, ...defined({ strength }) }
  })
}

/** Parts of a layer whose parts have the same names elsewhere. */
function renamedParts({ modules }: Layer, names: readonly LayerName[]): Result {
  const made: Made[] = []
  for (const { one, place } of modules) {
    const name = names.find(({ rows }) => rows?.start === place.rows?.start)
    if (name === undefined) return 'no-name'
    const strength = strengthOf(one)
    made.push({ name: name.name, one, parts: one.module.parts, ...defined({ strength }) })
  }
  return made
}

/** Roles of the parts that one module can be made of. */
const FUSED_ROLES: ReadonlySet<string> = new Set(['lora_up', 'lora_down', 'alpha', 'scale'])

async function fusedModule(
  { modules, outputs }: Layer,
  { name }: LayerName,
  read: ValueReader,
): Promise<Result> {
  const isPlain = ({ one }: LayerModule) =>
    isPlainLora(one) && [...one.module.parts.keys()].every((role) => FUSED_ROLES.has(role))
  if (outputs === undefined || !modules.every(isPlain)) return 'not-plain'
  const strengths = modules.map(({ one }) => strengthOf(one) ?? 1)
  const common = strengths.every((strength) => strength === strengths[0]) ? strengths[0]! : 1
  const pieces = piecesOf(
    modules,
    strengths.map((strength) => strength / common),
  )
  const { up, down } = (await haveOneDown(pieces, read))
    ? onTop(pieces, outputs)
    : onDiagonal(pieces, outputs)
  const parts = new Map([['lora_up', up], ['lora_down', down]]) // biome-ignore format: one line
  return [{ name, one: modules[0]!.one, parts, strength: common }]
}

/** The factors in one type, with what is left of their strengths. */
function piecesOf(modules: readonly LayerModule[], strengths: readonly number[]): Piece[] {
  const scaled = modules.map(({ one, place }, i) => {
    const parts = withStrength(one.module.parts, strengths[i]!)
    return { rows: place.rows!, up: parts.get('lora_up')!, down: parts.get('lora_down')! }
  })
  const types = new Set(scaled.flatMap(({ up, down }) => [up.dtype, down.dtype]))
  if (types.size === 1) return scaled
  return scaled.map(({ rows, up, down }) => ({ rows, up: cast(up, 'F32'), down: cast(down, 'F32') }))
}

/** More values than a down of a large model has are not compared. */
const MAX_COMPARED = 16 * 1024 * 1024

async function haveOneDown(pieces: readonly Piece[], read: ValueReader): Promise<boolean> {
  const [first, ...others] = pieces.map(({ down }) => down) as [Tensor, ...Tensor[]]
  const count = first.shape.reduce((product, n) => product * n, 1)
  if (count > MAX_COMPARED || others.some(({ shape }) => shape.join() !== first.shape.join())) return false
  const values = await read(first)
  for (const other of others) {
    const theirs = await read(other)
    if (!values.every((value, i) => value === theirs[i])) return false
  }
  return true
}

function written(
  { name, one, parts, strength }: Made,
  target: TargetId,
  prefix: string,
  naming: Naming,
): RenamedModule {
  const { algorithm } = one.module
  const full = prefix + name
  const rank = algorithm.rank?.(parts)
  const folded =
    naming.strength === 'factors' && strength !== undefined ? withStrength(parts, strength) : parts
  const tensors = [...withMagnitudes(folded, naming)]
    .filter(([role]) => role !== 'alpha' && role !== 'scale')
    .map(([role, tensor]) => ({ ...tensor, name: `${full}.${naming.suffixes[role] ?? role}` }))
  const alpha = naming.strength === 'alpha' ? alphaOf(full, one, { parts, rank, strength }) : []
  return {
    target,
    path: name,
    tensors: [...alpha, ...tensors],
    ...defined({ rank }),
    ...(naming.strength === 'config' && defined({ strength })),
  }
}

/** The tensor of the file where it still says the same. */
function alphaOf(
  name: string,
  one: PlacedLora,
  { parts, rank, strength }: { parts: Parts; rank: number | undefined; strength: number | undefined },
): Tensor[] {
  const own = parts.get('alpha')
  const isSame = rank === one.module.algorithm.rank?.(one.module.parts) && !one.module.parts.has('scale')
  if (own !== undefined && isSame) return [{ ...own, name: `${name}.alpha` }]
  return strength === undefined || rank === undefined ? [] : [alphaTensor(name, strength * rank)]
}

/** Magnitudes of outputs are a vector for PEFT, a column for the programs that read LyCORIS' names. */
function withMagnitudes(parts: Parts, { roles, suffixes }: Naming): Parts {
  const [from, to] =
    roles === undefined ? (['magnitude', 'dora_scale'] as const) : (['dora_scale', 'magnitude'] as const)
  const tensor = parts.get(from)
  if (tensor === undefined || (roles === undefined && suffixes.magnitude !== undefined)) return parts
  const count = tensor.shape.reduce((product, n) => product * n, 1)
  const shape = to === 'magnitude' ? [count] : [count, 1]
  return new Map(
    [...parts].map(([role, part]) => (role === from ? [to, reshape(tensor, shape)] : [role, part])),
  )
}
