/** What lets one guess what a network predicts, where nothing says it. */

import { parseRecipe, RECIPE_KEY, type Recipe } from '../metadata/recipe.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import type { PredictionType } from '../networks/predictions.ts'
import { readEvidence, standardDeviation, type ValueReader } from './evidence.ts'
import { messages } from './messages.ts'
import { type Prediction, type PredictionInput, saidOf } from './prediction.ts'

export function byVariant({ variant, architecture }: PredictionInput): Prediction | undefined {
  if (!variant?.prediction) return undefined
  return { type: variant.prediction, evidence: messages.everyVariant(architecture.title, variant.title) }
}

/** The network is trained further from v-prediction if the biases of this norm spread wider than this. */
const V_BIAS_SPREAD = 0.09
const V_BIAS = 'output_blocks.11.1.transformer_blocks.0.norm1.bias'
/** Width of that norm in every SD 2.x. */
const V_BIAS_WIDTH = 320

/** The base model of SD 2.x and its 768-v have the same shapes. Source of the statistic: ComfyUI, SD21.model_type. */
export async function bySd2Statistic(
  input: PredictionInput,
  read: ValueReader,
): Promise<Prediction | undefined> {
  const { architecture, variant, table, nameOf } = input
  if (architecture.id !== 'stable-diffusion-v2' || variant !== undefined) return undefined
  const name = nameOf(V_BIAS)
  // The threshold was found on full-size models and says nothing of narrow ones.
  const bias = await readEvidence(table.tensors.get(name), V_BIAS_WIDTH, read)
  if (bias === undefined) return undefined
  const spread = standardDeviation(bias)
  const type = spread > V_BIAS_SPREAD ? 'v' : 'epsilon'
  const evidence =
    type === 'v'
      ? messages.spreadAbove(name, spread, V_BIAS_SPREAD)
      : messages.spreadNotAbove(name, spread, V_BIAS_SPREAD)
  return { type, evidence }
}

/** Training steps of the two published SD 2.x, as diffusers' converter reads them. */
const GLOBAL_STEPS: Readonly<Record<number, PredictionType>> = { 875000: 'epsilon', 110000: 'v' }

export function byGlobalStep({ table, architecture }: PredictionInput): Prediction | undefined {
  if (architecture.id !== 'stable-diffusion-v2') return undefined
  const step = table.extras?.global_step
  const type = typeof step === 'number' || typeof step === 'bigint' ? GLOBAL_STEPS[Number(step)] : undefined
  return type && { type, evidence: messages.publishedStep(step) }
}

const RE_V_NAME = /v[-_]?pred/i
/** `768-v-ema.ckpt`; too common a word for other families. */
const RE_V_NAME_SD2 = /-v-/i

type NameEvidence = 'onlyFileName' | 'onlySourceName' | 'onlyTitle'

/** Its own name, those of what it was made from, and what a site calls it. */
export function byNames({ hints, table, architecture }: PredictionInput): Prediction | undefined {
  const sources = sourceNames(parseRecipe(saidOf(table)(RECIPE_KEY)))
  const names: readonly (readonly [name: string, evidence: NameEvidence])[] = [
    [hints.fileName ?? '', 'onlyFileName'],
    ...sources.map((name) => [name, 'onlySourceName'] as const),
    ...(hints.titles ?? []).map((title) => [title, 'onlyTitle'] as const),
  ]
  const found = names.find(([name]) => isNameOfV(name, architecture))
  if (found === undefined) return undefined
  const [name, evidence] = found
  return { type: 'v', evidence: messages[evidence](name), weak: true }
}

function isNameOfV(name: string, { id, network }: Architecture): boolean {
  if (network.kind !== 'unet') return false
  return RE_V_NAME.test(name) || (id === 'stable-diffusion-v2' && RE_V_NAME_SD2.test(name))
}

/** The first input is what a model was made of; the others went into it. */
function sourceNames(recipe: Recipe | undefined): string[] {
  const source = recipe?.inputs[0]
  return source === undefined ? [] : [source.name, ...sourceNames(source.recipe)]
}
