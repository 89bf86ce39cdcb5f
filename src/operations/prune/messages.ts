/** Texts of pruning: why each part stays or goes, and what speaks against it. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  nothingToPrune: 'there is nothing to prune, and the weights already have the requested types',
  keptAndDropped: (component: string) => `${component} is both in --keep and in --drop`,
  castAndDropped: (component: string) => `${component} has a type in --dtype, but --drop leaves it out`,
  nameOnce: 'Name it once.',

  noEma: 'the file has no EMA copy',
  leaveOutEmaOnly: 'Leave out --ema only.',
  contradictsKeep: (other: string) =>
    `--ema keep and ${other} contradict each other: --ema keep keeps the EMA copy`,
  contradictsDrop: (other: string) =>
    `--ema drop and ${other} contradict each other: --ema drop removes the EMA copy`,
  contradictsOnly: (other: string) =>
    `--ema only and ${other} contradict each other: --ema only replaces the live weights with the EMA values`,
  leaveOutOne: 'Leave out one of them.',
  emaAlone: 'the EMA copy has no live weights with it, so nothing says which weight is which',
  keepAsIs: 'Use --ema keep to keep it as it is.',
  emaPartial: (covered: number, all: number) =>
    `the EMA copy covers ${covered} of ${all} weights, so it cannot replace them`,
  dropOrKeep: 'Use --ema drop to keep the live weights, or --ema keep to keep both.',
  emaOfMerge: 'the file is a merge, and its EMA copy may still be that of one parent',
  dropOrOnlyOfMerge: 'Use --ema drop to keep the merged weights, or --ema only if you do want the EMA.',
  emaNeverUpdated:
    'the EMA copy was never updated (num_updates is 0): it holds the weights that training started from',
  dropOrOnlyOfTrained: 'Use --ema drop to keep the trained weights, or --ema only if you do want the EMA.',

  trainingLeftover: 'training state in the pickle',
  droppedByName: 'dropped by name',
  trainingState: 'training state, nothing reads it',
  usualSchedule: 'the usual noise schedule, which programs compute',
  notKept: 'not among the components to keep',
  emaPromoted: 'its values replace the live weights',
  secondCopy: 'second copy of the weights',
  repairedPositionIds: 'damaged position_ids, rewritten as 0, 1, 2 ...',
  emaValues: 'replaced by the EMA values',
  emaValuesAs: (dtype: string) => `replaced by the EMA values, as ${dtype}`,
  marker: 'tells programs how to use the model',
  keptSchedule: 'not the usual noise schedule, or kept by name',
  unknown: 'unknown, so nothing speaks against it',

  emaOrphans: (keys: number) =>
    `${keys} ${keys === 1 ? 'key of the EMA copy has no live weight and is' : 'keys of the EMA copy have no live weight and are'} dropped with it`,
  emaNeverUpdatedPromoted: 'the EMA copy was never updated (num_updates is 0), but was promoted as requested',
  customSchedule: 'the noise schedule in the file is not the usual one, so it is kept',
  nothingLeft: 'nothing in the file would be left',
  nameLess: 'Name fewer components in --drop, or more in --keep.',
  wouldBeLost: (component: string, role: string) => `the ${component} would be lost (${role})`,
  nameToMean: (component: string) => `If that is intended, name it: --drop ${component}.`,
})
