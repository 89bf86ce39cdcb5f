/** Which quantised formats a file has, and how much of each. */
import type { TensorTable } from '../values/table.ts'
import { type QuantisedId, quantisedFormat } from './formats.ts'

/** Keys are part of the JSON of `inspect`: add, never rename. */
export interface QuantisedPart {
  readonly format: QuantisedId
  /** For people. */
  readonly title: string
  /** Weights stored so. */
  readonly layers: number
  /** Tensors that hold their scales, code books and descriptions. */
  readonly tables: number
}

/** The most common format first. */
export function quantisedParts({ tensors }: TensorTable): QuantisedPart[] {
  const counts = new Map<QuantisedId, { layers: number; tables: number }>()
  for (const { quantised } of tensors.values()) {
    if (quantised === undefined) continue
    const count = counts.get(quantised.format) ?? { layers: 0, tables: 0 }
    counts.set(quantised.format, count)
    if (quantised.role === 'codes') count.layers++
    else count.tables++
  }
  return [...counts]
    .map(([format, count]) => ({ format, title: quantisedFormat(format).title, ...count }))
    .sort((a, b) => b.layers - a.layers)
}
