/** What says outright what a network predicts: a configuration beside the file, its marker tensors, its metadata. */

import { isJsonObject, ownValue, parseJsonText } from '../../system/json.ts'
import type { PredictionType } from '../networks/predictions.ts'
import { readScalar, type ValueReader } from './evidence.ts'
import { messages } from './messages.ts'
import { type Prediction, type PredictionInput, saidOf, type WithFacts } from './prediction.ts'

const RE_PARAMETERIZATION = /^[ \t]*parameterization:[ \t]*["']?(\w+)/m

const RE_V_SCALING = /denoiser_scaling\.VScaling$/m
const LDM_TARGET = 'target: ldm.models.diffusion.ddpm.'

/** Values of `parameterization`, of schedulers' `prediction_type`, and of those of the model specification. */
const WORDS: ReadonlyMap<string, PredictionType> = new Map([
  ['eps', 'epsilon'],
  ['epsilon', 'epsilon'],
  ['v', 'v'],
  ['v_prediction', 'v'],
  ['x0', 'x0'],
  ['sample', 'x0'],
])

export function bySidecar({ hints }: PredictionInput): Prediction | undefined {
  const text = hints.sidecar ?? ''
  const word = RE_PARAMETERIZATION.exec(text)?.[1]
  const type = WORDS.get(word ?? '')
  if (type) return { type, evidence: messages.yamlParameterization(word) }
  // ldm programs predict noise unless they are told otherwise, those of sgm say it by the class of a scaling
  if (RE_V_SCALING.test(text)) return { type: 'v', evidence: messages.yamlScaling }
  if (text.includes(LDM_TARGET)) return { type: 'epsilon', evidence: messages.yamlWithout }
  return undefined
}

export function byScheduler({ hints }: PredictionInput): Prediction | undefined {
  const { prediction: word = '' } = hints.scheduler ?? {}
  const type = WORDS.get(word)
  return type && { type, evidence: messages.schedulerPrediction(word) }
}

/** kohya's trainers write "epsilon" for families of flow, too, of which each has one objective. */
export function byMetadata({ table, architecture }: PredictionInput): Prediction | undefined {
  return architecture.prediction === 'flow' ? undefined : saidByMetadata(saidOf(table))[0]
}

/** Keys of the model specification, of its version 1.0.1 first. */
export const PREDICTION_KEYS = ['modelspec.prediction_type', 'modelspec.predict_key'] as const

/** Flags of trainers that stand on those of kohya. */
const FLAG_KEYS = ['ss_v_parameterization', 'ss_v_prediction'] as const

/** kohya's trainers end the name of the base in `_v`. Source: sd-scripts, `get_model_version_str_for_sd1_sd2`. */
const BASE_KEY = 'ss_base_model_version'

/** The settings of OneTrainer, as JSON; a schedule that it rescales is one of velocity. Source: its `modelSetup`. */
const ONE_TRAINER = { key: 'ot_config', rescaled: 'rescale_noise_scheduler_to_zero_terminal_snr' } as const

type Said = (key: string) => string | undefined

/** All that metadata say of it, in a file of any kind, the most explicit first. */
function saidByMetadata(said: Said): Prediction[] {
  const words = PREDICTION_KEYS.map((key) => [key, WORDS.get(said(key) ?? '')] as const)
  const flags = FLAG_KEYS.map((key) => [key, byFlag(said(key))] as const)
  const base = [BASE_KEY, said(BASE_KEY)?.endsWith('_v') ? 'v' : undefined] as const
  const plain = [...words, ...flags, base].flatMap(([key, type]) => {
    return type === undefined ? [] : [{ type, evidence: messages.metadataSays(key, said(key)!) }]
  })
  const { key, rescaled } = ONE_TRAINER
  return isRescaled(said)
    ? [...plain, { type: 'v', evidence: messages.settingSays(key, rescaled) } as const]
    : plain
}

function byFlag(text = ''): PredictionType | undefined {
  return /^true$/i.test(text) ? 'v' : /^false$/i.test(text) ? 'epsilon' : undefined
}

function isRescaled(said: Said): boolean {
  const config = parseJsonText(said(ONE_TRAINER.key))
  return isJsonObject(config) && ownValue(config, ONE_TRAINER.rescaled) === true
}

/** What the model was like that an adapter or an embedding was trained on. */
export function trainedPrediction(file: WithFacts): Prediction | undefined {
  const said = saidOf(file)
  const [first, ...others] = saidByMetadata(said)
  if (first === undefined) return undefined
  const against = others.filter(({ type }) => type !== first.type).map(({ evidence }) => evidence)
  return {
    ...first,
    ...(against.length === 0 ? {} : { against }),
    ...(isZeroByMetadata(said) ? { zeroTerminalSnr: true } : {}),
  }
}

export async function byMarkers(
  { table }: PredictionInput,
  read: ValueReader,
): Promise<Prediction | undefined> {
  const has = (name: string) => table.tensors.has(name)
  const sigma = table.tensors.get('edm_vpred.sigma_max')
  if (sigma) {
    const value = await readScalar(sigma, read)
    const prediction: Prediction = { type: 'edm-v', evidence: messages.sigmaMaxMarker }
    return value === undefined ? prediction : { ...prediction, sigmaMax: value }
  }
  if (has('edm_mean') && has('edm_std')) return { type: 'edm', evidence: messages.edmMarkers }
  if (has('v_pred')) return { type: 'v', evidence: messages.vMarker }
  return undefined
}

/** `zero_terminal_snr: true` and its other names in configurations. */
const RE_ZERO_SNR = /^[ \t]*(?:zero_terminal_snr|rescale_betas_zero_snr|zsnr|ztsnr):[ \t]*true\b/im

/** What sdtool writes, and what kohya's trainers do. */
const ZERO_SNR_KEYS = ['sdtool.zero_terminal_snr', 'ss_zero_terminal_snr'] as const

export function endsInNoise({ table, hints: { sidecar = '', scheduler } }: PredictionInput): boolean {
  return (
    table.tensors.has('ztsnr') ||
    RE_ZERO_SNR.test(sidecar) ||
    scheduler?.zeroSnr === true ||
    isZeroByMetadata(saidOf(table))
  )
}

function isZeroByMetadata(said: Said): boolean {
  return ZERO_SNR_KEYS.some((key) => /^(?:true|1)$/i.test(said(key) ?? '')) || isRescaled(said)
}

/**
 * The same as metadata, for what is made of the model under another name. A guess is not among them, nor what only a
 * name says: it would be among the strongest evidence for the next reader.
 */
export function predictionMetadata(prediction: Prediction | undefined): Record<string, string> {
  if (prediction === undefined) return {}
  const { type, assumed, weak, zeroTerminalSnr } = prediction
  const isWord = WORDS.get(type) === type
  return {
    ...(isWord && !assumed && !weak ? { [PREDICTION_KEYS[0]]: type } : {}),
    ...(zeroTerminalSnr ? { [ZERO_SNR_KEYS[0]]: 'true' } : {}),
  }
}
