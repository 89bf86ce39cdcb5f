/** Two models that should predict the same, and what is known of each. */
import type { Finding } from '../../tensor/values/table.ts'
import { error, warning } from '../finding.ts'
import type { Identity } from '../identity.ts'
import { PREDICTIONS } from '../networks/predictions.ts'
import { messages } from './messages.ts'
import type { Prediction } from './prediction.ts'

export function samePrediction(a: Prediction, b: Prediction): boolean {
  return a.type === b.type && (a.zeroTerminalSnr ?? false) === (b.zeroTerminalSnr ?? false)
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

interface Named {
  readonly name: string
  readonly identity: Identity
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
function predictionText({ type, zeroTerminalSnr }: Prediction): string {
  return zeroTerminalSnr ? messages.withZeroSnr(PREDICTIONS[type]) : PREDICTIONS[type]
}
