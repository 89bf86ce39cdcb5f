import type { Finding } from '../../tensor/values/table.ts'
import type { Facts } from './facts.ts'
import {
  emaFindings,
  halfRangeFindings,
  positionIdFindings,
  precisionFindings,
  quantisedFindings,
  scheduleFindings,
  sharedTensors,
  trainingLeftovers,
} from './findings-storage.ts'
import {
  architectureFindings,
  foreignVae,
  incompleteComponents,
  insideFindings,
  misplacedTexts,
  missingComponents,
  nameFindings,
  unknownKeys,
  unknownTexts,
  unseenFindings,
} from './findings-structure.ts'
import { ggufFindings } from './gguf-architecture.ts'
import { contradictionFindings } from './same-prediction.ts'

/** Everything a person should know about a model file, the gravest first. */
export function findingsOf(facts: Facts): Finding[] {
  const found = [
    ...architectureFindings(facts),
    ...ggufFindings(facts),
    ...contradictionFindings(facts.identity.architecture?.prediction),
    ...unseenFindings(facts),
    ...missingComponents(facts),
    ...misplacedTexts(facts),
    ...unknownTexts(facts),
    ...foreignVae(facts),
    ...incompleteComponents(facts.identity.components),
    ...emaFindings(facts.identity.ema),
    ...trainingLeftovers(facts),
    ...scheduleFindings(facts),
    ...positionIdFindings(facts.positionIds),
    ...precisionFindings(facts),
    ...halfRangeFindings(facts),
    ...quantisedFindings(facts.file),
    ...nameFindings(facts),
    ...insideFindings(facts.identity.components),
    ...unknownKeys(facts),
    ...sharedTensors(facts.file),
  ]
  const rank = { error: 0, warning: 1, info: 2 }
  return found.sort((a, b) => rank[a.severity] - rank[b.severity])
}
