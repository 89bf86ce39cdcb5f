/** What says outright what a network predicts: a configuration beside the file, its marker tensors, its metadata. */

import type { PredictionType } from '../networks/predictions.ts'
import { readScalar, type ValueReader } from './evidence.ts'
import { messages } from './messages.ts'
import { type Prediction, type PredictionInput, saidOf } from './prediction.ts'

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

export function byMetadata({ table }: PredictionInput): Prediction | undefined {
  return predictionByMetadata(saidOf(table))
}

/** Keys of the model specification, of its version 1.0.1 first. */
export const PREDICTION_KEYS = ['modelspec.prediction_type', 'modelspec.predict_key'] as const

const BASE_KEY = 'ss_base_model_version'

/** What the metadata say, in a file of any kind. */
export function predictionByMetadata(said: (key: string) => string | undefined): Prediction | undefined {
  for (const key of PREDICTION_KEYS) {
    const word = said(key)
    const type = WORDS.get(word ?? '')
    if (word !== undefined && type) return { type, evidence: messages.metadataSays(key, word) }
  }
  // kohya's trainers have no key of their own for it: the name of the base ends in `_v`
  const base = said(BASE_KEY)
  return base?.endsWith('_v') ? { type: 'v', evidence: messages.baseVersionSays(BASE_KEY, base) } : undefined
}

/** The same of plain metadata. */
export function predictionInMetadata(metadata: Readonly<Record<string, string>>): Prediction | undefined {
  return predictionByMetadata(saidOf({ tensors: new Map(), metadata }))
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
  const said = saidOf(table)
  return (
    table.tensors.has('ztsnr') ||
    RE_ZERO_SNR.test(sidecar) ||
    scheduler?.zeroSnr === true ||
    ZERO_SNR_KEYS.some((key) => /^(?:true|1)$/i.test(said(key) ?? ''))
  )
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
