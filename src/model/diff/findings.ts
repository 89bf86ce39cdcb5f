import { isRefused } from '../../tensor/quantised/check.ts'
import { quantisedFormat } from '../../tensor/quantised/formats.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { info, warning } from '../finding.ts'
import type { Prediction } from '../identify/prediction.ts'
import { predictingText, samePrediction } from '../identify/same-prediction.ts'
import type { Identity } from '../identity.ts'
import { KINDS } from '../kinds.ts'
import { namedAs } from '../layouts/align.ts'
import type { TensorDiff } from './diff.ts'
import { messages } from './messages.ts'
import type { DiffSide } from './pairs.ts'

/** What a person should know to read a comparison rightly. */
export function diffFindings(a: DiffSide, b: DiffSide, diffs: readonly TensorDiff[]): Finding[] {
  return [
    ...unlikeFiles(a.identity, b.identity),
    ...unlikeNames(a, b),
    ...unlikePredictions(a.identity, b.identity),
    ...nothingShared(diffs),
    ...comparedAsBytes(diffs),
    ...brokenValues('a', diffs),
    ...brokenValues('b', diffs),
    ...loneEma(a.identity, b.identity),
  ]
}

function unlikeFiles(a: Identity, b: Identity): Finding[] {
  if (a.kind !== b.kind) {
    const message = messages.differentKinds(KINDS[a.kind], KINDS[b.kind])
    return [warning('different-kinds', message)]
  }
  const [x, y] = [a, b].map(({ architecture }) => architecture)
  if (!x || !y || x.id === y.id) return []
  const message = messages.differentArchitectures(x.title, y.title)
  return [warning('different-architectures', message)]
}

function unlikeNames(a: DiffSide, b: DiffSide): Finding[] {
  return namedAs(b, a) === b ? [] : [info('other-names', messages.otherNames)]
}

function unlikePredictions(a: Identity, b: Identity): Finding[] {
  const [x, y] = [a, b].map(predictionOf)
  if (x === undefined || y === undefined || samePrediction(x, y)) return []
  const texts = [predictingText({ name: 'a', prediction: x }), predictingText({ name: 'b', prediction: y })]
  return [info('different-predictions', texts.join(', '))]
}

/** Of a model, or of what an adapter was trained on. */
function predictionOf({ architecture, adapter }: Identity): Prediction | undefined {
  return architecture?.prediction ?? adapter?.base.prediction
}

function nothingShared(diffs: readonly TensorDiff[]): Finding[] {
  if (diffs.some(({ a, b }) => a && b)) return []
  return [warning('nothing-in-common', messages.nothingInCommon)]
}

function comparedAsBytes(diffs: readonly TensorDiff[]): Finding[] {
  const encoded = diffs.filter(({ a, b, change }) => a && b && change !== 'same' && isRefused(a, 'diff'))
  if (encoded.length === 0) return []
  const formats = new Set(encoded.map(({ a }) => quantisedFormat(a!.quantised!.format).title))
  return [warning('compared-as-bytes', messages.comparedAsBytes(encoded.length, [...formats]))]
}

function brokenValues(side: 'a' | 'b', diffs: readonly TensorDiff[]): Finding[] {
  const countOf = ({ comparison }: TensorDiff) =>
    (side === 'a' ? comparison?.brokenA : comparison?.brokenB) ?? 0
  const broken = diffs.filter((diff) => countOf(diff) > 0)
  if (broken.length === 0) return []
  const values = broken.reduce((sum, diff) => sum + countOf(diff), 0)
  const message = messages.brokenValues(side, values, broken.length, broken[0]!.name)
  return [{ code: 'not-finite', severity: 'error', message }]
}

/** Not for a VAE that is compared with the one in a checkpoint: it has no weights the copy is of. */
function loneEma(a: Identity, b: Identity): Finding[] {
  const [copied, other] = a.ema ? [a, b] : [b, a]
  const { ema } = copied
  if (!ema || other.ema || !other.components.some(({ role }) => role === ema.of)) return []
  const side = copied === a ? 'a' : 'b'
  const message = messages.onlyOneEma(side)
  return [{ code: 'ema-in-one', severity: 'info', message }]
}
