/** What files say of their quantised layers in JSON: in small tensors beside them, or in the header. */
import type { ByteSource } from '../../system/bytes.ts'
import type { Tensor, TensorTable } from '../values/table.ts'

export type LayerConfig = Readonly<Record<string, unknown>>

/** By the name of the layer. */
export type LayerConfigs = ReadonlyMap<string, LayerConfig>

/** Key of ComfyUI in the header: {"format_version": "1.0", "layers": {"X": {"format": "nvfp4"}}}. */
export const QUANTISATION_KEY = '_quantization_metadata'

/** Tensors of bytes that hold the JSON of one layer: of ComfyUI, and of the 4-bit formats of bitsandbytes. */
const RE_CONFIG = /^(.+)\.(?:comfy_quant|weight\.quant_state\.bitsandbytes__(?:nf4|fp4))$/s

/** That of ComfyUI has 20 to 100 bytes, that of bitsandbytes 200. */
const MAX_CONFIG_BYTES = 4096
/** A model has hundreds of layers. */
const MAX_CONFIGS = 20_000

/** What is malformed counts as not there: then the types and shapes of the tensors have to tell. */
export async function layerConfigs(
  { tensors, metadata }: TensorTable,
  source: ByteSource,
): Promise<LayerConfigs> {
  const configs = new Map<string, LayerConfig>(headerConfigs(metadata))
  // one request each over a network is too much; the first one speaks for the rest
  const most = source.costly ? 1 : MAX_CONFIGS
  let read = 0
  for (const tensor of tensors.values()) {
    const layer = RE_CONFIG.exec(tensor.name)?.[1]
    if (layer === undefined || read++ >= most) continue
    const config = await readConfig(tensor, source)
    if (config !== undefined) configs.set(layer, config)
  }
  return configs
}

function headerConfigs(metadata: TensorTable['metadata']): [string, LayerConfig][] {
  const layers = objectOf(metadata[QUANTISATION_KEY])?.layers
  if (!isObject(layers)) return []
  return Object.entries(layers).flatMap(([name, config]): [string, LayerConfig][] => {
    if (typeof config === 'string') return [[name, { format: config }]]
    return isObject(config) ? [[name, config]] : []
  })
}

/** What the header says of the layers below a prefix, by their names without it; nothing where it says nothing. */
export function headerConfigOf(
  metadata: TensorTable['metadata'],
  prefix: string,
): Readonly<Record<string, string>> {
  const { layers: _, ...rest } = objectOf(metadata[QUANTISATION_KEY]) ?? {}
  const layers = headerConfigs(metadata).map(([name, config]) => {
    return [name.startsWith(prefix) ? name.slice(prefix.length) : name, config]
  })
  if (layers.length === 0) return {}
  return { [QUANTISATION_KEY]: JSON.stringify({ ...rest, layers: Object.fromEntries(layers) }) }
}

async function readConfig(
  { dtype, source: stored }: Tensor,
  source: ByteSource,
): Promise<LayerConfig | undefined> {
  if (dtype !== 'U8' || stored.kind !== 'stored' || stored.strides !== undefined) return undefined
  if (stored.nbytes === 0 || stored.nbytes > MAX_CONFIG_BYTES) return undefined
  const bytes = await source.read(stored.offset, stored.nbytes)
  return objectOf(Buffer.from(bytes).toString('utf8'))
}

function objectOf(json: string | undefined): LayerConfig | undefined {
  if (json === undefined) return undefined
  try {
    const value: unknown = JSON.parse(json)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is LayerConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
