/** The same pictures drawn by several models, held against those of the first one. */

import type { RgbImage } from '../../image/image.ts'
import { differenceMap, type Similarity, similarity } from '../../image/similarity.ts'
import type { Sheet, SheetCell, SheetRow } from '../../report/drawing/sheet.ts'
import { type Column, formatTable } from '../../report/text/table.ts'
import { defined } from '../../system/defined.ts'
import { messages } from './messages.ts'
import type { ComparisonJson } from './schema.ts'

/** One picture that all models draw. */
export interface ComparedShot {
  readonly prompt: string
  readonly seed: number | bigint
}

/** What a model drew, a picture for each shot. */
export interface DrawnModel {
  readonly label: string
  readonly images: readonly RgbImage[]
}

export interface ComparedModel extends DrawnModel {
  /** Against the pictures of the reference. */
  readonly similarities: readonly Similarity[]
}

export interface PictureComparison {
  readonly shots: readonly ComparedShot[]
  readonly reference: DrawnModel
  readonly others: readonly ComparedModel[]
}

export function compareDrawn(
  shots: readonly ComparedShot[],
  reference: DrawnModel,
  others: readonly DrawnModel[],
): PictureComparison {
  const compared = others.map((other) => ({
    ...other,
    similarities: other.images.map((image, i) => similarity(reference.images[i]!, image)),
  }))
  return { shots, reference, others: compared }
}

/** More would show nothing but rounding. */
const MAX_GAIN = 32

/** The largest power of two at which the largest difference of a model is at most twice as bright as white. */
export function gainFor({ similarities }: ComparedModel): number {
  const largest = Math.max(1, ...similarities.map(({ maxDifference }) => maxDifference))
  return Math.min(MAX_GAIN, 2 ** Math.floor(Math.log2((2 * 255) / largest)))
}

/** "31.2 dB", "identical". */
export function psnrText(psnr: number): string {
  return Number.isFinite(psnr) ? `${psnr.toFixed(1)} dB` : 'identical'
}

/** Lines below an image. */
export function figuresCaption({ psnr, ssim, meanDifference, changed }: Similarity): string[] {
  if (!Number.isFinite(psnr)) return ['identical']
  return [
    `${psnrText(psnr)}  SSIM ${ssim.toFixed(3)}`,
    `mean ${meanDifference.toFixed(2)}  changed ${(100 * changed).toFixed(0)}%`,
  ]
}

export interface SheetTexts {
  readonly title: string
  readonly subtitle?: string
  /** How a picture of another model is judged; nothing is said where this is left out. */
  readonly verdictOf?: (similarity: Similarity, model: string) => SheetCell['verdict']
}

/** A row for each shot: the reference, then each model with its difference. */
export function comparisonSheet(
  comparison: PictureComparison,
  { title, subtitle, verdictOf }: SheetTexts,
): Sheet {
  const { shots, reference, others } = comparison
  const rows = shots.map(({ prompt, seed }, i): SheetRow => {
    const first = reference.images[i]!
    const cells = others.flatMap((other): SheetCell[] => {
      const [image, found] = [other.images[i]!, other.similarities[i]!]
      const verdict = verdictOf?.(found, other.label)
      return [
        { image, caption: figuresCaption(found), ...(verdict && { verdict }) },
        { image: differenceMap(first, image, gainFor(other)) },
      ]
    })
    return { label: messages.promptWithSeed(prompt, seed), cells: [{ image: first }, ...cells] }
  })
  const heads = others.flatMap((other) => [other.label, messages.difference(gainFor(other))])
  return {
    title,
    ...defined({ subtitle }),
    heads: [reference.label, ...heads],
    rows,
    notes: [messages.comparisonNotes],
  }
}

const COLUMNS: readonly Column[] = [
  { head: 'model' },
  { head: 'PSNR', align: 'right' },
  { head: 'SSIM', align: 'right' },
  { head: 'mean |diff|', align: 'right' },
  { head: 'max', align: 'right' },
  { head: 'changed', align: 'right' },
  { head: 'seed', align: 'right' },
  { head: 'prompt' },
]

/** A row for each picture of each model. */
export function comparisonTable({ shots, others }: PictureComparison, width: number): string {
  const rows = others.flatMap(({ label, similarities }) =>
    similarities.map(({ psnr, ssim, meanDifference, maxDifference, changed }, i) => [
      label,
      psnrText(psnr),
      ssim.toFixed(4),
      meanDifference.toFixed(2),
      String(maxDifference),
      `${(100 * changed).toFixed(1)}%`,
      String(shots[i]!.seed),
      shots[i]!.prompt,
    ]),
  )
  return formatTable(COLUMNS, rows, width)
}

/** Keys are a contract: add, never rename. JSON has no infinity: the PSNR of identical pictures is null. */
export function comparisonJson({ shots, reference, others }: PictureComparison): ComparisonJson {
  return {
    reference: reference.label,
    models: others.map(({ label, similarities }) => ({
      name: label,
      images: similarities.map(({ psnr, ...figures }, i) => ({
        prompt: shots[i]!.prompt,
        seed: jsonSeed(shots[i]!.seed),
        identical: !Number.isFinite(psnr),
        psnr: Number.isFinite(psnr) ? psnr : null,
        ...figures,
      })),
    })),
  }
}

/** Larger seeds than JSON numbers can hold are text. */
function jsonSeed(seed: number | bigint): number | string {
  return Number.isSafeInteger(Number(seed)) ? Number(seed) : String(seed)
}
