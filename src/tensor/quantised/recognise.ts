/** Finds the quantised layers of a file, by names, types and shapes, and by what it says of them itself. */

import type { ByteSource } from '../../system/bytes.ts'
import type { ModelFile, Tensor, TensorTable } from '../values/table.ts'
import { type LayerConfig, type LayerConfigs, layerConfigs } from './config.ts'
import {
  isCodes,
  type Layer,
  QUANTISED_IDS,
  type Quantised,
  type QuantisedFormat,
  type QuantisedId,
  quantisedFormat,
} from './formats.ts'

/** The file with every tensor of a quantised layer marked as what it is. */
export async function withQuantisedMarks(model: ModelFile, source: ByteSource): Promise<ModelFile> {
  const tensors = markedTensors(model, await layerConfigs(model, source))
  return tensors === model.tensors ? model : { ...model, tensors }
}

/** The same tensors where none is quantised. */
export function markedTensors(table: TensorTable, configs: LayerConfigs = new Map()): TensorTable['tensors'] {
  const marks = quantisedTensors(table, configs)
  if (marks.size === 0) return table.tensors
  return new Map(
    [...table.tensors].map(([name, tensor]) => {
      const quantised = marks.get(name)
      return [name, quantised === undefined ? tensor : { ...tensor, quantised }]
    }),
  )
}

/** Layers with tables first, then tables without a layer, then what the type alone says of the rest. */
function quantisedTensors(table: TensorTable, configs: LayerConfigs): Map<string, Quantised> {
  const marks = new Map<string, Quantised>()
  const layerOf = layersIn(table, configs)
  for (const tensor of table.tensors.values()) {
    const found = layerOf(tensor)
    if (found !== undefined) markLayer(marks, tensor, found, table)
  }
  for (const tensor of table.tensors.values()) {
    if (marks.has(tensor.name)) continue
    const mark = loneTable(tensor) ?? byType(tensor)
    if (mark !== undefined) marks.set(tensor.name, mark)
  }
  return marks
}

/** The codes of a layer, and those of its tables that are in the file. */
function markLayer(
  marks: Map<string, Quantised>,
  codes: Tensor,
  { format, layer, name }: Found,
  { tensors }: TensorTable,
): void {
  const shape = weightShapeOf(quantisedFormat(format), layer)
  marks.set(codes.name, { format, role: 'codes', ...(shape && { shape }) })
  const strangers = format === 'unknown' ? layer.scales : []
  for (const part of [...quantisedFormat(format).tables, ...strangers]) {
    const table = `${name}.${part}`
    if (tensors.has(table)) marks.set(table, { format, role: 'table' })
  }
}

function loneTable({ name }: Tensor): Quantised | undefined {
  const format = LONE.get(name.slice(name.lastIndexOf('.') + 1))
  return format && { format, role: 'table' }
}

function byType(codes: Tensor): Quantised | undefined {
  const layer = { codes, part: () => undefined, scales: [] }
  const format = TYPES.find((id) => quantisedFormat(id).matches(layer))
  return format && { format, role: 'codes' }
}

/** Tables that are known by their names alone: their weights may stand in another file, or be plain numbers. */
const LONE: ReadonlyMap<string, QuantisedId> = new Map<string, QuantisedId>([
  ...(['scaled_fp8', 'scale_weight', 'scale_input'] as const).map(
    (end) => [end, 'fp8-scale-weight'] as const,
  ),
  ...(['weight_scale', 'weight_scale_inv', 'input_scale'] as const).map(
    (end) => [end, 'fp8-tensor-scale'] as const,
  ),
  ...(['comfy_quant', 'weight_scale_2', 'pre_quant_scale'] as const).map(
    (end) => [end, 'comfy-other'] as const,
  ),
  ...(['absmax', 'quant_map', 'nested_absmax', 'nested_quant_map'] as const).map(
    (end) => [end, 'unknown'] as const,
  ),
  ['bitsandbytes__nf4', 'bnb-nf4'],
  ['bitsandbytes__fp4', 'bnb-fp4'],
  ['SCB', 'bnb-int8'],
  ['wscales', 'svdquant'],
  ['qzeros', 'gptq'],
  ['g_idx', 'gptq'],
])

interface Found {
  readonly format: QuantisedId
  readonly layer: Layer
  readonly name: string
}

/** Formats of layers with tables, and those that are a type of their own. */
const [LAYERED, TYPES] = [true, false].map((named) => {
  return QUANTISED_IDS.filter((id) => (quantisedFormat(id).codes !== '') === named)
}) as [QuantisedId[], QuantisedId[]]

/** Ends of names that codes have, the longest first. */
const CODES_ENDS = [...new Set(LAYERED.map((id) => quantisedFormat(id).codes))].sort(
  (a, b) => b.length - a.length,
)

function layersIn(table: TensorTable, configs: LayerConfigs): (tensor: Tensor) => Found | undefined {
  const configOf = configLookup(configs)
  const scalesOf = scaleLookup(table)
  return (codes) => {
    const end = CODES_ENDS.find((codesEnd) => codes.name.endsWith(`.${codesEnd}`))
    if (end === undefined) return undefined
    const name = codes.name.slice(0, -end.length - 1)
    const config = configOf(name)
    const layer: Layer = {
      codes,
      part: (part) => table.tensors.get(`${name}.${part}`),
      ...(config && { config }),
      scales: isCodes(codes.dtype) ? scalesOf(name) : [],
    }
    const format = LAYERED.find(
      (id) => quantisedFormat(id).codes === end && quantisedFormat(id).matches(layer),
    )
    return format && { format, layer, name }
  }
}

/** Prefixes that programs take off before they write names into the header. */
const RE_PREFIX = /^(?:model\.diffusion_model|diffusion_model|model|net)\./

function configLookup(configs: LayerConfigs): (layer: string) => LayerConfig | undefined {
  if (configs.size === 0) return () => undefined
  return (layer) => configs.get(layer) ?? configs.get(layer.replace(RE_PREFIX, ''))
}

/** Whatever is called like the tables of a quantised weight, in a format nobody knows yet. */
const RE_SCALES = /(?:^|_)(?:w?scales?|zeros?|absmax|zero_points?|codebook)(?:_|$)/

/** Ends of names beside a weight that look like its tables; made once, and only for files that may need it. */
function scaleLookup({ tensors }: TensorTable): (layer: string) => readonly string[] {
  let ends: Map<string, string[]> | undefined
  return (layer) => {
    ends ??= endsByLayer(tensors)
    return ends.get(layer) ?? []
  }
}

function endsByLayer(tensors: TensorTable['tensors']): Map<string, string[]> {
  const ends = new Map<string, string[]>()
  for (const name of tensors.keys()) {
    const dot = name.lastIndexOf('.')
    const end = name.slice(dot + 1)
    if (dot < 0 || !RE_SCALES.test(end)) continue
    const layer = name.slice(0, dot)
    const own = ends.get(layer)
    if (own === undefined) ends.set(layer, [end])
    else own.push(end)
  }
  return ends
}

/** Undefined where it is that of the codes, or nothing tells it. */
function weightShapeOf(
  { packing }: QuantisedFormat,
  { codes, config }: Layer,
): readonly number[] | undefined {
  const { shape } = codes
  if (packing === 'halves' && shape.length > 0) return shape.with(-1, 2 * shape.at(-1)!)
  return packing === 'stated' ? statedShape(config?.shape, shape) : undefined
}

/** A shape of twice as many values as there are bytes. */
function statedShape(stated: unknown, codes: readonly number[]): readonly number[] | undefined {
  if (!Array.isArray(stated) || stated.length === 0 || !stated.every((n) => Number.isSafeInteger(n) && n > 0))
    return undefined
  const values = (stated as number[]).reduce((product, n) => product * n, 1)
  const bytes = codes.reduce((product, n) => product * n, 1)
  return Math.ceil(values / 2) === bytes ? (stated as number[]) : undefined
}
