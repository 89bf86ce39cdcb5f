/** Weighs the evidence of what a network predicts. */

import type { PredictionType } from '../networks/predictions.ts'
import type { ValueReader } from './evidence.ts'
import { messages } from './messages.ts'
import type { EvidenceSource, Prediction, PredictionInput } from './prediction.ts'
import { byGlobalStep, byNames, bySd2Statistic, byVariant } from './prediction-clues.ts'
import { byMarkers, byMetadata, byScheduler, bySidecar, endsInNoise } from './prediction-statements.ts'

/** Each of them says outright what the network predicts. Markers come before metadata: programs look at nothing else. */
const STATEMENTS: readonly EvidenceSource[] = [bySidecar, byScheduler, byMarkers, byMetadata]

/** Strongest first. A1111's test (run the UNet once) is not among them: it needs the whole model in memory. */
const CLUES: readonly EvidenceSource[] = [byVariant, bySd2Statistic, byGlobalStep, byNames]

/** Decides what the network predicts, by the strongest evidence there is. */
export async function findPrediction(input: PredictionInput, read: ValueReader): Promise<Prediction> {
  const stated = await allOf(STATEMENTS, input, read)
  const [prediction, ...others] = stated
  if (prediction === undefined) return withZeroSnr(await byClues(input, read), input)
  const against = others.filter(({ type }) => !agree(type, prediction.type)).map(({ evidence }) => evidence)
  return withZeroSnr({ ...prediction, ...(against.length === 0 ? {} : { against }) }, input)
}

async function allOf(
  sources: readonly EvidenceSource[],
  input: PredictionInput,
  read: ValueReader,
): Promise<Prediction[]> {
  const found: Prediction[] = []
  for (const source of sources) {
    const prediction = await source(input, read)
    if (prediction !== undefined) found.push(prediction)
  }
  return found
}

async function byClues(input: PredictionInput, read: ValueReader): Promise<Prediction> {
  for (const source of CLUES) {
    const prediction = await source(input, read)
    if (prediction !== undefined) return prediction
  }
  const { title, prediction } = input.architecture
  return { type: prediction, evidence: messages.assumedPrediction(title), assumed: true }
}

/** Metadata have no words for the noise levels of EDM. */
export function agree(type: PredictionType, decided: PredictionType): boolean {
  return (
    type === decided || (decided === 'edm-v' && type === 'v') || (decided === 'edm' && type === 'epsilon')
  )
}

function withZeroSnr(prediction: Prediction, input: PredictionInput): Prediction {
  return endsInNoise(input) ? { ...prediction, zeroTerminalSnr: true } : prediction
}
