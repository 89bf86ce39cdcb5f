/** Which VAE it is, by its values: whatever container, prefix, key layout or float type it is in. */
import { createHash } from 'node:crypto'
import { decodeFloats } from '../../tensor/numeric/float.ts'
import { isEncoded } from '../../tensor/quantised/check.ts'
import { elementCount, isFloat } from '../../tensor/values/dtype.ts'
import { cast, evaluateInto, newEvaluation, type ReadInto, tensorBytes } from '../../tensor/values/expr.ts'
import type { Finding, Tensor, TensorTable } from '../../tensor/values/table.ts'
import { info } from '../finding.ts'
import type { LatentSpace } from '../networks/architectures/architecture.ts'
import { messages } from './messages.ts'
import { canonicalVae, identifyVae, isKl, type VaeInfo } from './vae.ts'

/** Reads all bytes of a tensor, which may be an expression. */
export type BytesReader = (tensor: Tensor) => Promise<Uint8Array>

/** A VAE in a file of its own or in a checkpoint, and the way to its values. */
export interface ReadableVae {
  readonly table: TensorTable
  readonly info: VaeInfo
  readonly read: BytesReader
}

/** The largest tensor of a VAE has 9 MB; what is named like one and larger is not read into memory. */
const MAX_VAE_TENSOR_BYTES = 64 * 1024 * 1024

/** The VAE of a file, if its tensors are of a size to be read. */
export function readableVae(table: TensorTable, read: ReadInto): ReadableVae | undefined {
  const vae = identifyVae(table)
  if (!vae || !isKl(vae)) return undefined
  const tensors = [...canonicalVae(table, vae).values()]
  if (tensors.some((tensor) => isEncoded(tensor) || tensorBytes(tensor) > MAX_VAE_TENSOR_BYTES))
    return undefined
  return { table, info: vae, read: (tensor) => readBytes(tensor, read) }
}

async function readBytes(tensor: Tensor, read: ReadInto): Promise<Uint8Array> {
  const bytes = new Uint8Array(tensorBytes(tensor))
  await evaluateInto(tensor, 0, elementCount(tensor.shape), bytes, newEvaluation(read))
  return bytes
}

export interface VaeContent {
  /**
   * As the project safetensors2GGUF defines it (`normalized-tensors-v1`): SHA-256 over the names and hashes of all
   * tensors, each hashed with its type and shape, as JSON of Python writes them. Values are rounded to fp16 before, so
   * that a copy in fp32 and one in fp16 agree; a VAE in bf16 has the hash of its bf16 values.
   */
  readonly fingerprint: string
  /** As model-toolkit defines it, see `VAE_METRICS`; only for VAEs as large as that of Stable Diffusion. */
  readonly metric?: number
}

type ContentDType = 'F16' | 'BF16'

const TORCH_NAMES: Readonly<Record<ContentDType, string>> = { F16: 'torch.float16', BF16: 'torch.bfloat16' }

/** Undefined for tiny autoencoders, those of other layers than Stable Diffusion's, and quantised tensors. */
export async function vaeContent({ table, info, read }: ReadableVae): Promise<VaeContent | undefined> {
  if (!isKl(info)) return undefined
  const tensors = canonicalVae(table, info)
  const all = [...tensors.values()]
  if (all.length === 0 || !all.every((tensor) => isFloat(tensor.dtype) && !isEncoded(tensor)))
    return undefined
  const dtype = all.every(({ dtype }) => dtype === 'BF16') ? 'BF16' : 'F16'
  const records: [name: string, hash: string][] = []
  let [sum, parameters] = [0, 0]
  for (const [name, tensor] of tensors) {
    const bytes = await read(cast(tensor, dtype))
    records.push([name, tensorHash(dtype, ldmShape(name, tensor.shape), bytes)])
    parameters += elementCount(tensor.shape)
    if (dtype === 'F16' && RE_HALVES.test(name)) sum += logisticSum(bytes)
  }
  const fingerprint = createHash('sha256').update(pythonJson(records)).digest('hex')
  const hasMetric = dtype === 'F16' && parameters === SD_VAE_PARAMETERS && !Number.isNaN(sum)
  return { fingerprint, ...(hasMetric ? { metric: metricOf(sum) } : {}) }
}

function tensorHash(dtype: ContentDType, shape: readonly number[], bytes: Uint8Array): string {
  const header = pythonJson([TORCH_NAMES[dtype], shape])
  return createHash('sha256').update(`${header}\0`).update(bytes).digest('hex')
}

/** `json.dumps` of lists, plain texts and integers: as JSON, with a space behind each comma. */
function pythonJson(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(pythonJson).join(', ')}]` : JSON.stringify(value)
}

const RE_ATTENTION_WEIGHT = /\.attn_1\.(?:q|k|v|proj_out)\.weight$/

/** Weights of the attention are 1x1 convolutions in ldm and linear layers in diffusers. */
export function ldmShape(name: string, shape: readonly number[]): readonly number[] {
  return RE_ATTENTION_WEIGHT.test(name) && shape.length === 2 ? [...shape, 1, 1] : shape
}

/** `quant_conv` and `post_quant_conv` do not count in the metric. */
const RE_HALVES = /^(?:encoder|decoder)\./

/** Of the VAE with 4 latent channels that Stable Diffusion 1.x, 2.x and SDXL have; metrics are for no other. */
const SD_VAE_PARAMETERS = 83_653_863

/** Sum of sigmoid(x) - 0.5 over all values of the VAE of Stable Diffusion 1.x. */
const METRIC_OF_SD1 = 17870.7051

/** model-toolkit, `compute_metric` in toolkit.py (commit e19dd46). */
export function metricOf(sum: number): number {
  const metric = Math.floor(Math.abs(sum / METRIC_OF_SD1 - 1) * 10_000)
  return metric < 10_000 ? metric : 5000 + (metric % 5000)
}

/** sigmoid(x) - 0.5 of every value fp16 can have; built when first needed, it takes 2 ms. */
let terms: Float64Array | undefined

function metricTerms(): Float64Array {
  const halves = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits)
  const values = new Float32Array(0x10000)
  decodeFloats('F16', new Uint8Array(halves.buffer), values)
  return Float64Array.from(values, (x) => 1 / (1 + Math.exp(-x)) - 0.5)
}

/** Sum of sigmoid(x) - 0.5 over fp16 values. */
export function logisticSum(bytes: Uint8Array): number {
  terms ??= metricTerms()
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)
  let sum = 0
  for (let i = 0; i < halves.length; i++) sum += terms[halves[i]!]!
  return sum
}

interface KnownContent {
  readonly name: string
  readonly latents: LatentSpace
  readonly fingerprints: readonly string[]
}

/**
 * Fingerprints of published VAEs, of their fp16 and bf16 values. Source: safetensors2GGUF,
 * data/sdxl_stock_components.json (commit b053b7f), computed there by scripts/check_stock_components.py from the file
 * with the SHA-256 1598f3d2..., which `KNOWN_VAES` has.
 */
export const KNOWN_VAE_CONTENTS: readonly KnownContent[] = [
  {
    name: 'SDXL 1.0 (stabilityai/stable-diffusion-xl-base-1.0, vae)',
    latents: 'sdxl',
    fingerprints: [
      '6b683dcce579943a7ea2adc76e328f9b84e6866909de1f9fa241d99490128e4d',
      '6a1c433a0c293c40aebdc9034ab7f3dc510888f61def18d492659b4f75758ad4',
    ],
  },
]

/** Metrics of known VAEs. Source: model-toolkit, IDENTIFICATION in toolkit.py (commit e19dd46, MIT). */
export const VAE_METRICS: readonly {
  readonly name: string
  readonly latents: LatentSpace
  readonly metric: number
}[] = [
  { name: 'Stable Diffusion 1.x', latents: 'sd', metric: 0 },
  { name: 'Stable Diffusion 2.x', latents: 'sd', metric: 869 },
  { name: 'NovelAI (animevae, Anything V3)', latents: 'sd', metric: 2982 },
  { name: 'Waifu Diffusion (kl-f8-anime)', latents: 'sd', metric: 155 },
  { name: 'Waifu Diffusion (kl-f8-anime2)', latents: 'sd', metric: 41 },
]

/** Its author sums in float32, in an order of torch's: the last digit may differ. */
const METRIC_TOLERANCE = 1

interface KnownValues {
  readonly latents: LatentSpace
  /** Says which VAE it is. */
  readonly message: string
}

/** The VAE with these values: by a fingerprint for sure, by a metric of four digits probably. */
export function knownByContent({ fingerprint, metric }: VaeContent): KnownValues | undefined {
  const same = KNOWN_VAE_CONTENTS.find(({ fingerprints }) => fingerprints.includes(fingerprint))
  if (same) return { latents: same.latents, message: messages.sameVae(same.name) }
  if (metric === undefined) return undefined
  const like = VAE_METRICS.find((known) => Math.abs(known.metric - metric) <= METRIC_TOLERANCE)
  return (
    like && {
      latents: like.latents,
      message: messages.probableVae(like.name, metric),
    }
  )
}

export function knownVae(content: VaeContent): Finding[] {
  const known = knownByContent(content)
  return known === undefined ? [] : [info('known-vae', known.message)]
}

/** All biases and norms, and the convolutions at both ends: 183 of the 248 tensors of the usual VAE, in 0.3 MB. */
export const SMALL_TENSOR_BYTES = 64 * 1024

/**
 * Compares two VAEs tensor by tensor, rounded to fp16, or to bf16 if one of them is stored in it. The decoder comes
 * first: where a VAE was trained further, it was the decoder, and the comparison ends at the first difference.
 * @param maxBytes tensors that take more as fp16 are taken for equal
 * @returns how many tensors were compared, all of them equal; undefined if one differs or the VAEs are of other kinds
 */
export async function compareVaes(
  a: ReadableVae,
  b: ReadableVae,
  maxBytes: number,
): Promise<number | undefined> {
  if (!isKl(a.info) || !isKl(b.info)) return undefined
  const [left, right] = [canonicalVae(a.table, a.info), canonicalVae(b.table, b.info)]
  if (left.size === 0 || left.size !== right.size) return undefined
  let compared = 0
  for (const [name, tensor] of left) {
    const other = right.get(name)
    if (!other || !isComparable(tensor, other)) return undefined
    const dtype = [tensor.dtype, other.dtype].includes('BF16') ? 'BF16' : 'F16'
    const [one, two] = [cast(tensor, dtype), cast(other, dtype)]
    if (tensorBytes(one) > maxBytes) continue
    if (Buffer.compare(await a.read(one), await b.read(two)) !== 0) return undefined
    compared++
  }
  return compared
}

function isComparable(a: Tensor, b: Tensor): boolean {
  return isFloat(a.dtype) && isFloat(b.dtype) && elementCount(a.shape) === elementCount(b.shape)
}
