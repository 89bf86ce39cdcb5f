/** Two models that should predict the same, and what is known of each. */
import type { Finding } from '../../tensor/values/table.ts'
import { error, info, warning } from '../finding.ts'
import type { Identity } from '../identity.ts'
import { PREDICTIONS } from '../networks/predictions.ts'
import { agree } from './find-prediction.ts'
import { messages } from './messages.ts'
import type { Prediction } from './prediction.ts'

export function samePrediction(a: Prediction, b: Prediction): boolean {
  return a.type === b.type && sameSchedule(a, b)
}

/** Noise levels that training went through. */
function sameSchedule(a: Prediction, b: Prediction): boolean {
  return (a.zeroTerminalSnr ?? false) === (b.zeroTerminalSnr ?? false) && a.sigmaMax === b.sigmaMax
}

/** Something says so outright. */
export function isStated({ assumed, weak }: Prediction): boolean {
  return !assumed && !weak
}

/** The identity with what another one knows of its prediction, where it has only a guess of its own. */
export function withStated(identity: Identity, other: Identity): Identity {
  const [own, known] = [identity.architecture, other.architecture?.prediction]
  if (own === undefined || known === undefined || isStated(own.prediction) || !isStated(known))
    return identity
  return { ...identity, architecture: { ...own, prediction: known } }
}

/** What several models together are declared to predict: the first, but where only another one knows. */
export function declaredIdentity([first, ...others]: readonly Named[]): Identity {
  return others.reduce((declared, { identity }) => withStated(declared, identity), first!.identity)
}

/** Whether a model has a schedule of its own: one that is not told of is no statement. */
export function hasOtherSchedule(own: Prediction, declared: Prediction): boolean {
  const isSaid = isStated(own) || own.zeroTerminalSnr === true
  return isSaid && own.type === declared.type && !sameSchedule(own, declared)
}

interface Named {
  readonly name: string
  readonly identity: Identity
}

/** What it predicts, and who says so. */
export interface Predicting {
  readonly name: string
  readonly prediction: Prediction
}

/** "a.safetensors predicts velocity (v) (marker tensor v_pred)". */
export function predictingText({ name, prediction }: Predicting): string {
  return messages.predictsBecause(name, predictionText(prediction), prediction.evidence)
}

export function predictingOf({ name, identity }: Named): Predicting[] {
  const prediction = identity.architecture?.prediction
  return prediction === undefined ? [] : [{ name, prediction }]
}

/** "style.safetensors was trained to predict velocity (v) (metadata ...)". */
export function trainedText({ name, prediction }: Predicting): string {
  return messages.trainedFor(name, predictionText(prediction), prediction.evidence)
}

/** Whether what metadata say, which have no words for EDM and are not believed of flow, is what a model predicts. */
function fits(said: Prediction, { type }: Prediction): boolean {
  return type === 'flow' || agree(said.type, type)
}

/** A LoRA for another prediction than that of its base has an effect that nobody trained. */
export function trainingFindings(lora: Predicting, base: Named): Finding[] {
  return predictingOf(base).flatMap((own) => {
    const { type, zeroTerminalSnr } = own.prediction
    const trained = trainedText(lora)
    if (!fits(lora.prediction, own.prediction))
      return [warning('lora-prediction', messages.trainedForOther(trained, predictingText(own)))]
    const isOtherSchedule = type === 'v' && lora.prediction.zeroTerminalSnr && !zeroTerminalSnr
    return isOtherSchedule
      ? [info('lora-schedule', messages.trainedForOther(trained, predictingText(own)))]
      : []
  })
}

/** The first two of them that were trained for different things. */
export function firstDifference(all: readonly Predicting[]): readonly [Predicting, Predicting] | undefined {
  const [first] = all
  const other = all.find(({ prediction }) => prediction.type !== first?.prediction.type)
  return other && [first!, other]
}

/** Where sources disagree, the person must know which of them is followed. */
export function contradictionFindings(prediction: Prediction | undefined): Finding[] {
  const { type, evidence, against } = prediction ?? {}
  if (type === undefined || against === undefined) return []
  const message = messages.predictionContradicted(PREDICTIONS[type], evidence, against.join(' and '))
  return [warning('prediction-contradicted', message)]
}

/** What came of it in a file that was made of a base: said again, lost, or said otherwise. */
export function predictionMismatchFindings(made: Named, base: Named): Finding[] {
  const [own, known] = [made, base].map(({ identity }) => identity.architecture?.prediction)
  if (own === undefined || known === undefined || !isStated(known) || samePrediction(own, known)) return []
  const predicted = messages.predicts(base.name, predictionText(known), known.evidence)
  if (!isStated(own)) return [warning('prediction-lost', messages.predictionLost(predicted, made.name))]
  const other = messages.predicts(made.name, predictionText(own), own.evidence)
  return [error('prediction-differs', `${predicted}; ${other}`)]
}

/** "velocity (v), zero terminal SNR". */
export function predictionText({ type, zeroTerminalSnr }: Prediction): string {
  return zeroTerminalSnr ? messages.withZeroSnr(PREDICTIONS[type]) : PREDICTIONS[type]
}
