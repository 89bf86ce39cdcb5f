/** What a sum of LoRAs says of the prediction they were trained for. */

import { info, warning } from '../../model/finding.ts'
import { predictionMetadata } from '../../model/identify/prediction-statements.ts'
import { firstDifference, type Predicting, trainedText } from '../../model/identify/same-prediction.ts'
import type { LoraFile } from '../../model/lora/modules.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

interface MergedPrediction {
  /** What is true of every one of them, under whatever key each of them says it. */
  readonly metadata: Readonly<Record<string, string>>
  readonly findings: readonly Finding[]
}

export function mergedPrediction(loras: readonly Pick<LoraFile, 'name' | 'adapter'>[]): MergedPrediction {
  const said = loras.flatMap(({ name, adapter: { base } }): Predicting[] =>
    base.prediction === undefined ? [] : [{ name, prediction: base.prediction }],
  )
  const [first] = said
  const pair = firstDifference(said)
  if (pair !== undefined) {
    const message = messages.mixedPredictions(trainedText(pair[0]), trainedText(pair[1]))
    return { metadata: {}, findings: [warning('lora-mixed-predictions', message)] }
  }
  if (first === undefined) return { metadata: {}, findings: [] }
  const silent = loras.find(({ adapter: { base } }) => base.prediction === undefined)
  if (silent === undefined) return { metadata: sharedStatement(said), findings: [] }
  // nearly every LoRA is for noise, and few say so
  if (first.prediction.type === 'epsilon') return { metadata: {}, findings: [] }
  return {
    metadata: {},
    findings: [info('lora-prediction-unsaid', messages.unsaid(trainedText(first), silent.name))],
  }
}

function sharedStatement([first, ...others]: readonly Predicting[]): Record<string, string> {
  const { zeroTerminalSnr, ...prediction } = first!.prediction
  const isZero = zeroTerminalSnr && others.every(({ prediction }) => prediction.zeroTerminalSnr)
  return predictionMetadata(isZero ? { ...prediction, zeroTerminalSnr } : prediction)
}
