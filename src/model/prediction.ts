import type { PlainValue, TensorTable } from '../tensor/table.ts'
import { quoted } from '../tensor/text.ts'
import type { Architecture, Variant } from './architectures/architecture.ts'
import { readEvidence, readScalar, type ValueReader } from './evidence.ts'

export const PREDICTIONS = {
  epsilon: 'noise (epsilon)',
  v: 'velocity (v)',
  edm: 'denoised image (EDM)',
  'edm-v': 'velocity with EDM noise levels',
  flow: 'flow',
  x0: 'denoised image (x0)',
} as const

export type PredictionType = keyof typeof PREDICTIONS

/** What the network predicts, and why we think so. */
export interface Prediction {
  readonly type: PredictionType
  /** In plain words: "marker tensor v_pred". */
  readonly evidence: string
  /** Nothing in or beside the file says so: it is what the architecture usually predicts. */
  readonly assumed?: true
  /** The schedule ends in pure noise (`ztsnr`). */
  readonly zeroTerminalSnr?: true
  /** EDM models that store it (`edm_vpred.sigma_max`). */
  readonly sigmaMax?: number
}

/** Evidence from outside of the tensors. */
export interface Hints {
  /** File name without folder; tokens such as `vpred` count as the weakest evidence. */
  readonly fileName?: string
  /** Text of a `.yaml` beside the checkpoint, the strongest evidence. */
  readonly sidecar?: string
}

export interface PredictionInput {
  readonly table: TensorTable & { readonly extras?: Readonly<Record<string, PlainValue>> }
  readonly architecture: Architecture
  readonly variant?: Variant
  /** Name in the file of a UNet key given in ldm layout. */
  readonly nameOf: (ldm: string) => string
  readonly hints: Hints
}

/** One source of evidence; the first that has something to say decides. */
type EvidenceSource = (
  input: PredictionInput,
  read: ValueReader,
) => Prediction | undefined | Promise<Prediction | undefined>

/** Strongest first. A1111's test (run the UNet once) is not among them: it needs the whole model in memory. */
const SOURCES: readonly EvidenceSource[] = [
  bySidecar,
  byMetadata,
  byMarkers,
  byVariant,
  bySd2Statistic,
  byGlobalStep,
  byFileName,
]

/** Decides what the network predicts, by the strongest evidence there is. */
export async function findPrediction(input: PredictionInput, read: ValueReader): Promise<Prediction> {
  for (const source of SOURCES) {
    const prediction = await source(input, read)
    if (prediction) return withZeroSnr(prediction, input.table)
  }
  const { title, prediction } = input.architecture
  return { type: prediction, evidence: `nothing says otherwise, and ${title} has it`, assumed: true }
}

function withZeroSnr(prediction: Prediction, table: TensorTable): Prediction {
  return table.tensors.has('ztsnr') ? { ...prediction, zeroTerminalSnr: true } : prediction
}

const RE_PARAMETERIZATION = /^[ \t]*parameterization:[ \t]*["']?(\w+)/m

const RE_V_SCALING = /denoiser_scaling\.VScaling$/m
const LDM_TARGET = 'target: ldm.models.diffusion.ddpm.'

/** Values of `parameterization`, `modelspec.prediction_type` and `modelspec.predict_key`. */
const WORDS: ReadonlyMap<string, PredictionType> = new Map([
  ['eps', 'epsilon'],
  ['epsilon', 'epsilon'],
  ['v', 'v'],
  ['v_prediction', 'v'],
  ['x0', 'x0'],
])

function bySidecar({ hints }: PredictionInput): Prediction | undefined {
  const text = hints.sidecar ?? ''
  const word = RE_PARAMETERIZATION.exec(text)?.[1]
  const type = WORDS.get(word ?? '')
  if (type) return { type, evidence: `parameterization: ${word} in the .yaml beside it` }
  // ldm programs predict noise unless they are told otherwise, those of sgm say it by the class of a scaling
  if (RE_V_SCALING.test(text)) return { type: 'v', evidence: 'VScaling in the .yaml beside it' }
  if (text.includes(LDM_TARGET))
    return { type: 'epsilon', evidence: 'the .yaml beside it names no parameterization' }
  return undefined
}

function byMetadata({ table }: PredictionInput): Prediction | undefined {
  return predictionByMetadata(table.metadata)
}

/** What the model specification says, in a file of any kind. */
export function predictionByMetadata(metadata: Readonly<Record<string, string>>): Prediction | undefined {
  for (const key of ['modelspec.prediction_type', 'modelspec.predict_key']) {
    const word = metadata[key]
    const type = WORDS.get(word ?? '')
    if (word !== undefined && type) return { type, evidence: `metadata ${key} = ${quoted(word)}` }
  }
  return undefined
}

async function byMarkers({ table }: PredictionInput, read: ValueReader): Promise<Prediction | undefined> {
  const has = (name: string) => table.tensors.has(name)
  const sigma = table.tensors.get('edm_vpred.sigma_max')
  if (sigma) {
    const value = await readScalar(sigma, read)
    const prediction: Prediction = { type: 'edm-v', evidence: 'marker tensor edm_vpred.sigma_max' }
    return value === undefined ? prediction : { ...prediction, sigmaMax: value }
  }
  if (has('edm_mean') && has('edm_std'))
    return { type: 'edm', evidence: 'marker tensors edm_mean and edm_std' }
  if (has('v_pred')) return { type: 'v', evidence: 'marker tensor v_pred' }
  return undefined
}

function byVariant({ variant, architecture }: PredictionInput): Prediction | undefined {
  if (!variant?.prediction) return undefined
  return { type: variant.prediction, evidence: `every ${architecture.title} ${variant.title} has it` }
}

/** The network is trained further from v-prediction if the biases of this norm spread wider than this. */
const V_BIAS_SPREAD = 0.09
const V_BIAS = 'output_blocks.11.1.transformer_blocks.0.norm1.bias'
/** Width of that norm in every SD 2.x. */
const V_BIAS_WIDTH = 320

/** The base model of SD 2.x and its 768-v have the same shapes. Source of the statistic: ComfyUI, SD21.model_type. */
async function bySd2Statistic(input: PredictionInput, read: ValueReader): Promise<Prediction | undefined> {
  const { architecture, variant, table, nameOf } = input
  if (architecture.id !== 'stable-diffusion-v2' || variant !== undefined) return undefined
  const name = nameOf(V_BIAS)
  // The threshold was found on full-size models and says nothing of narrow ones.
  const bias = await readEvidence(table.tensors.get(name), V_BIAS_WIDTH, read)
  if (bias === undefined) return undefined
  const spread = standardDeviation(bias)
  const type = spread > V_BIAS_SPREAD ? 'v' : 'epsilon'
  const relation = type === 'v' ? 'above' : 'not above'
  return { type, evidence: `the spread of ${name} is ${spread.toFixed(4)}, ${relation} ${V_BIAS_SPREAD}` }
}

/** Of a population: divided by n. */
function standardDeviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

/** Training steps of the two published SD 2.x, as diffusers' converter reads them. */
const GLOBAL_STEPS: Readonly<Record<number, PredictionType>> = { 875000: 'epsilon', 110000: 'v' }

function byGlobalStep({ table, architecture }: PredictionInput): Prediction | undefined {
  if (architecture.id !== 'stable-diffusion-v2') return undefined
  const step = table.extras?.global_step
  const type = typeof step === 'number' || typeof step === 'bigint' ? GLOBAL_STEPS[Number(step)] : undefined
  return type && { type, evidence: `global_step ${step} is that of the published model` }
}

const RE_V_NAME = /v[-_]?pred/i
/** `768-v-ema.ckpt`; too common a word for other families. */
const RE_V_NAME_SD2 = /-v-/i

function byFileName({ hints, architecture }: PredictionInput): Prediction | undefined {
  const { fileName } = hints
  if (fileName === undefined || architecture.network.kind !== 'unet') return undefined
  const isSd2 = architecture.id === 'stable-diffusion-v2'
  if (!RE_V_NAME.test(fileName) && !(isSd2 && RE_V_NAME_SD2.test(fileName))) return undefined
  return { type: 'v', evidence: `only the file name ${quoted(fileName)} says so` }
}
