/** How much of a model's change a computed LoRA holds, block by block. */

import { type BlockLabel, compareBlocks } from '../../model/networks/blocks.ts'
import type { ExtractLoraPlan } from '../../operations/extract-lora/extract-lora.ts'
import type { ExtractedLayer, Extraction } from '../../operations/extract-lora/plan.ts'
import type { LoraResizePlan } from '../../operations/lora-resize/lora-resize.ts'
import type { Outcome } from '../../operations/run.ts'
import { formatTable } from '../../report/text/table.ts'
import type { Paint } from '../../report/text/text.ts'
import { printable } from '../../system/text.ts'
import { findingLines } from '../shared/findings-text.ts'
import { messages as making } from '../shared/making-messages.ts'
import { messages as shared } from '../shared/messages.ts'
import type { LayersJson } from '../shared/outcome-schema.ts'
import { madeFile, madeLine, type OutcomeView } from '../shared/transform-report.ts'
import { messages } from './messages.ts'

export const EXTRACT_LORA_VIEW: OutcomeView = {
  json(outcome) {
    const { base, extraction } = outcome.plan as ExtractLoraPlan
    const { layers, unchanged, outside } = extraction!
    return {
      ...madeFile(outcome),
      title: outcome.title ?? null,
      base,
      ...layersJson(layers),
      unchanged,
      outside: { tensors: outside.tensors.length, share: shareOutside(extraction!) },
    }
  },
  page(outcome, _verbose, paint) {
    const { base, extraction } = outcome.plan as ExtractLoraPlan
    const { input, title = '', findings } = outcome
    const lines = [
      `${paint('bold', printable(input, 300))} - ${printable(base, 300)}: ${printable(title)}`,
      blockTable(extraction!.layers),
      ...restLines(extraction!),
      ...findingLines(findings, paint),
      resultLine(outcome, extraction!.layers, paint),
    ]
    return `${lines.join('\n')}\n`
  },
}

/** The same, of what is known without a model. */
export const LORA_RESIZE_VIEW: OutcomeView = {
  json(outcome) {
    const { lora, resized } = outcome.plan as LoraResizePlan
    const { layers, kept } = resized!
    return {
      ...madeFile(outcome),
      title: lora.adapter.title,
      bytesBefore: outcome.bytesBefore ?? null,
      ...layersJson(layers),
      kept: kept.length,
    }
  },
  page(outcome, _verbose, paint) {
    const { lora, resized } = outcome.plan as LoraResizePlan
    const { layers, kept } = resized!
    const lines = [
      `${paint('bold', printable(outcome.input, 300))}: ${printable(lora.adapter.title)}`,
      blockTable(layers),
      ...(kept.length > 0 ? [`  - ${messages.keptWithoutRank(kept.length)}`] : []),
      ...findingLines(outcome.findings, paint),
      resultLine(outcome, layers, paint),
    ]
    return `${lines.join('\n')}\n`
  },
}

function layersJson(layers: readonly ExtractedLayer[]): LayersJson {
  return {
    blocks: groups(layers).map(({ block, component, layers }) => ({ component, block, ...figures(layers) })),
    total: figures(layers),
    layers: layers.map((layer) => ({ module: layer.module, ...figures([layer]) })),
  }
}

/** How large a file would be is known once its values are kept. */
function resultLine(outcome: Outcome, { length }: readonly ExtractedLayer[], paint: Paint): string {
  if (outcome.status !== 'planned') return madeLine(outcome, paint)
  return `  ${shared.wouldWrite(making.fileOfModules(printable(outcome.output ?? '', 300), length))}`
}

interface BlockGroup {
  readonly component: string
  readonly block: BlockLabel
  readonly layers: readonly ExtractedLayer[]
}

/** Blocks in the order of the model, component by component. */
function groups(layers: readonly ExtractedLayer[]): BlockGroup[] {
  const found = new Map<string, ExtractedLayer[]>()
  for (const layer of layers) {
    const key = `${layer.component} ${layer.block}`
    found.set(key, [...(found.get(key) ?? []), layer])
  }
  const components = [...new Set(layers.map(({ component }) => component))]
  return [...found.values()]
    .map((own) => ({ component: own[0]!.component, block: own[0]!.block, layers: own }))
    .sort(
      (a, b) =>
        components.indexOf(a.component) - components.indexOf(b.component) || compareBlocks(a.block, b.block),
    )
}

/** What is known of some layers together. */
export interface LayerFigures {
  readonly modules: number
  /** Lowest and highest. */
  readonly ranks: readonly [number, number]
  /** Norm of the change by that of the weights. */
  readonly change: number | null
  /** Share of the squared norm of the change that the LoRA gives back. */
  readonly energy: number
  /** Norm of what it does not give back, by that of the weights. */
  readonly error: number | null
}

function figures(layers: readonly ExtractedLayer[]): LayerFigures {
  const total = (key: 'base2' | 'delta2' | 'error2') => layers.reduce((sum, layer) => sum + layer[key], 0)
  const [base2, delta2, error2] = [total('base2'), total('delta2'), total('error2')]
  const ranks = layers.map(({ rank }) => rank)
  return {
    modules: layers.length,
    ranks: [Math.min(...ranks), Math.max(...ranks)],
    change: base2 > 0 ? Math.sqrt(delta2 / base2) : null,
    // of nothing, everything is kept
    energy: delta2 > 0 ? 1 - error2 / delta2 : 1,
    error: base2 > 0 ? Math.sqrt(error2 / base2) : null,
  }
}

function blockTable(layers: readonly ExtractedLayer[]): string {
  const all = groups(layers)
  const rows = all.map(({ component, block, layers: own }, i) => [
    component === all[i - 1]?.component ? '' : component,
    block,
    ...cells(figures(own)),
  ])
  return formatTable(
    [
      { head: messages.part },
      { head: messages.block },
      { head: messages.modules, align: 'right' },
      { head: messages.rank, align: 'right' },
      { head: messages.change, align: 'right' },
      { head: messages.energy, align: 'right' },
      { head: messages.error, align: 'right' },
    ],
    [...rows, [messages.all, '', ...cells(figures(layers))]],
  )
}

function cells({ modules, ranks: [low, high], change, energy, error }: LayerFigures): string[] {
  const rank = low === high ? String(low) : `${low}-${high}`
  return [String(modules), rank, percent(change), percent(energy), percent(error)]
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(100 * share).toPrecision(3)} %`
}

/** What of the whole change, as a share of its norm, is in no layer of the LoRA. */
function shareOutside({ layers, outside }: Extraction): number {
  const inside = layers.reduce((sum, { delta2 }) => sum + delta2, 0)
  return Math.sqrt(outside.delta2 / (inside + outside.delta2))
}

function restLines(extraction: Extraction): string[] {
  const { unchanged, outside } = extraction
  const same = unchanged > 0 ? [`  - ${messages.unchangedLayers(unchanged)}`] : []
  if (outside.tensors.length === 0) return same
  return [...same, `  ! ${messages.outside(outside.tensors.length, percent(shareOutside(extraction)))}`]
}
