/** The modules of a LoRA file, each with its place in the model it is for. */
import { defined } from '../../system/defined.ts'
import { refuse } from '../../system/errors.ts'
import { matrixOf } from '../../tensor/algebra/matrix.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Matrix, TensorTable } from '../../tensor/values/table.ts'
import type { Numbers, Structured } from '../adapters/algorithm.ts'
import { baseById } from '../adapters/base.ts'
import { adapterKeys } from '../adapters/describe.ts'
import type { AdapterInfo } from '../adapters/info.ts'
import { flatten, type ModuleTarget } from '../adapters/keymap/target.ts'
import { lookupName, modulesOf } from '../adapters/keymap.ts'
import { loraScale } from '../adapters/lora.ts'
import { blocksByNumber, blocksOfModules } from '../adapters/module-blocks.ts'
import type { AdapterModule } from '../adapters/modules.ts'
import { readNumbers } from '../adapters/numbers.ts'
import { moduleShapeError, patchWeight } from '../adapters/patch.ts'
import { withSettings } from '../adapters/peft/steer.ts'
import { TARGETS } from '../adapters/targets.ts'
import type { ValueReader } from '../identify/evidence.ts'
import { messages } from '../messages.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import { architectureById } from '../networks/architectures/registry.ts'
import { sd1 } from '../networks/architectures/sd1.ts'
import { sdxl } from '../networks/architectures/sdxl.ts'
import type { BlockLabel } from '../networks/blocks.ts'

/** A LoRA that was opened. */
export interface LoraFile {
  readonly name: string
  readonly table: TensorTable
  readonly adapter: AdapterInfo
  readonly read: ValueReader
}

export interface PlacedLora {
  readonly module: AdapterModule
  readonly numbers: Numbers
  /** Undefined if the model is not known, or has no such layer. */
  readonly place?: ModuleTarget
  /** The same for modules of other files that change the same layer, whatever they call it. */
  readonly layer: string
  readonly block: BlockLabel
  /** "UNet", "text encoder 1". */
  readonly component: string
  /** The flat name of `kohyaName` is none that programs read: it is one of diffusers for a layer that its authors call otherwise. */
  readonly keepsName?: true
  /** Why nothing can be computed of it, as the end of a sentence. */
  readonly fault?: string
}

/** @throws BAD_ADAPTER_NUMBER, PEFT_CONFIG, PEFT_PATTERN (exit 3) */
export async function placedModules({ table, adapter, read }: LoraFile): Promise<PlacedLora[]> {
  const { modules } = adapterKeys(table)
  const numbers = await readNumbers(modules, read)
  const architectures = architecturesOf(adapter)
  const layers = new Set<string>()
  const numberedBlock = blocksByNumber(modules)
  const placed = modules.map((module): PlacedLora => {
    const found = placeIn(module, architectures)
    const named = found ?? placeIn(module, NAMESAKES)
    const path = lookupName(module.path)
    const own = withSettings(module, numbers.get(module.name)!, adapter.settings)
    const layer = `${module.target} ${found ? placeName(found.place) : path}`
    const fault = layers.has(layer) ? messages.sameLayer : moduleShapeError(module, own)
    layers.add(layer)
    return {
      module,
      numbers: own,
      ...(found && { place: found.place }),
      layer,
      block: named?.block ?? numberedBlock(module),
      component: TARGETS[module.target],
      ...(needsOwnName(module, found) && { keepsName: true }),
      ...defined({ fault }),
    }
  })
  return placed.some(({ keepsName }) => keepsName) ? placed.map(withOwnName) : placed
}

/** One file has names of one kind. */
function withOwnName(one: PlacedLora): PlacedLora {
  return mayHaveOwnName(one.module) ? { ...one, keepsName: true } : one
}

function mayHaveOwnName({ target, prefix, dialect }: AdapterModule): boolean {
  return target === 'unet' && prefix !== KOHYA_UNET && dialect !== 'xlabs'
}

/** Rows of a weight, and in which order they stand: what may be added up as it is. */
function placeName({ weight, rows, swappedHalves }: ModuleTarget): string {
  return `${weight} ${rows?.start ?? ''}${swappedHalves ? ' swapped' : ''}`
}

function needsOwnName(module: AdapterModule, found: Found | undefined): boolean {
  if (!mayHaveOwnName(module)) return false
  const { prefix, path } = module
  if (found === undefined) return prefix === 'transformer.'
  const { architecture, place } = found
  if (architecture.network.kind === 'unet') return false
  return place.rows !== undefined || flatten(place.weight.replace(RE_LEAF, '')) !== lookupName(path)
}

const KOHYA_UNET = 'lora_unet_'

const RE_LEAF = /\.(?:weight|scale)$/

/**
 * The same for tools that compute with all of them.
 * @throws LORA_MISSHAPEN (exit 3), and what `placedModules` throws
 */
export async function soundModules(file: LoraFile): Promise<PlacedLora[]> {
  const placed = await placedModules(file)
  const broken = placed.filter(({ fault }) => fault !== undefined)
  const [first] = broken
  if (first === undefined) return placed
  const names = broken.map(({ module }) => module.name)
  throw refuse(
    'LORA_MISSHAPEN',
    messages.misshapenModules(file.name, names, first.fault!),
    messages.damagedLora,
  )
}

/** Where widths are those of no published model, names still tell the block. */
const NAMESAKES: readonly Architecture[] = [sd1, sdxl]

function architecturesOf({ base }: AdapterInfo): Architecture[] {
  const ids = base.architecture === undefined ? [] : baseById(base.architecture).architectures
  return ids.flatMap((id) => architectureById(id) ?? [])
}

interface Found {
  readonly architecture: Architecture
  readonly place: ModuleTarget
  readonly block: BlockLabel
}

function placeIn({ target, path }: AdapterModule, architectures: readonly Architecture[]): Found | undefined {
  for (const architecture of architectures) {
    const modules = modulesOf(architecture, target)
    const place = modules.get(lookupName(path))
    if (place !== undefined)
      return { architecture, place, block: blocksOfModules(target, modules, architecture)(place.weight) }
  }
  return undefined
}

const PLAIN_ROLES: ReadonlySet<string> = new Set([
  'lora_up',
  'lora_down',
  'alpha',
  'scale',
  'diff_b',
  'lora_up_bias',
])

/** up @ down, and something for the bias at most: what can be put together exactly. */
export function isPlainLora({ module: { algorithm, parts } }: PlacedLora): boolean {
  return (
    algorithm.id === 'lora' &&
    parts.has('lora_up') &&
    [...parts.keys()].every((role) => PLAIN_ROLES.has(role))
  )
}

/** The factor of up @ down. */
export function scaleOf({ module, numbers }: PlacedLora): number {
  return loraScale(module.parts, numbers)
}

/** What its change is made of; undefined where only all of it together says what it is. */
export function structureOf({ module: { algorithm, parts }, numbers }: PlacedLora): Structured | undefined {
  return algorithm.structure?.(parts, numbers)
}

/** Algorithms whose change is the same whatever the weight is. */
const ADDITIVE: ReadonlySet<string> = new Set(['lora', 'loha', 'lokr', 'full'])

/** Whether the change can be written down without the model. */
export function isAdditive({ module: { algorithm, parts } }: PlacedLora): boolean {
  const isDora = parts.has('dora_scale') || parts.has('magnitude')
  return ADDITIVE.has(algorithm.id) && !isDora && !parts.has('reshape_weight') && !parts.has('embedding_down')
}

/** (O, I) or (O, I, kh, kw) of the layer; undefined if neither the file nor the model tells. */
export function layerShape({
  module: { shape, algorithm, parts },
  place,
}: PlacedLora): readonly number[] | undefined {
  // a convolution in time as well is not a layer that is known here
  if ([...parts.values()].some(({ shape }) => shape.length > 4)) return undefined
  if (algorithm.id === 'full') return parts.get('diff')?.shape
  const { rows, columns, kernel } = shape
  if (rows === undefined || columns === undefined) return place?.shape
  if (kernel === undefined) return flatShape(rows, columns, place)
  const [kh, kw] = kernel
  return kh * kw === 1 ? flatShape(rows, columns, place) : [rows, columns / (kh * kw), kh, kw]
}

/** Factors without a kernel may be for a convolution: the model knows, unless its widths are others. */
function flatShape(rows: number, columns: number, place: ModuleTarget | undefined): readonly number[] {
  const kernel = place?.shape.slice(2) ?? []
  const size = elementCount(kernel)
  return kernel.length === 2 && columns % size === 0 ? [rows, columns / size, ...kernel] : [rows, columns]
}

/** What the module adds to the weight at full strength, [O, I*kh*kw]. */
export function changeOf({ module, numbers }: PlacedLora, shape: readonly number[]): Matrix {
  const zeros = {
    name: module.name,
    dtype: 'F8_E4M3',
    shape,
    source: { kind: 'bytes', data: new Uint8Array(elementCount(shape)) },
  } as const
  return patchWeight(module, { weight: matrixOf(zeros), shape, ratio: 1, numbers })
}

/** The name kohya's tools give a module: its own if it has one, flattened otherwise. */
export function kohyaName({ module: { dialect, target, prefix, path }, place }: PlacedLora): string {
  // the numbers of processors stand in no other program's names
  if (dialect === 'xlabs' && place !== undefined && place.rows === undefined)
    return KOHYA_UNET + flatten(place.weight.replace(RE_LEAF, ''))
  if (dialect.startsWith('kohya') && prefix.startsWith('lora_')) return prefix + path
  return `lora_${target === 'te1' ? 'te' : target}_${lookupName(path)}`
}
