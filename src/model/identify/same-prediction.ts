/** Two models that should predict the same, and what is known of each. */
import type { Finding } from '../../tensor/values/table.ts'
import { error, warning } from '../finding.ts'
import type { Identity } from '../identity.ts'
import { PREDICTIONS, type Prediction } from './prediction.ts'

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
  const its = `${base.name} predicts ${predictionText(known)}, by ${known.evidence}`
  if (isStated(own))
    return [error('prediction-differs', `${its}; ${made.name} ${predictionText(own)}, by ${own.evidence}`)]
  return [
    warning(
      'prediction-lost',
      `${its}; nothing in or beside ${made.name} says so: programs that are not told will draw noise with it`,
    ),
  ]
}

/** "velocity (v), zero terminal SNR". */
function predictionText({ type, zeroTerminalSnr }: Prediction): string {
  return PREDICTIONS[type] + (zeroTerminalSnr ? ', zero terminal SNR' : '')
}
