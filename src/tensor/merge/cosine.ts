import { messages } from './messages.ts'
import type { BlockWalk, MergeBlock, MergeMethod, MergeParameters, TensorSize } from './method.ts'

/** Sums over the rows, for each column. */
interface ColumnSums {
  readonly aa: Float64Array
  readonly bb: Float64Array
  readonly ab: Float64Array
}

async function columnSums(walk: BlockWalk, { columns }: TensorSize): Promise<ColumnSums> {
  const [aa, bb, ab] = [0, 1, 2].map(() => new Float64Array(columns)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  await walk(([a, b]) => {
    for (let at = 0; at < a!.length; at += columns) {
      for (let c = 0; c < columns; c++) {
        const [x, y] = [a![at + c]!, b![at + c]!]
        aa[c] = aa[c]! + x * x
        bb[c] = bb[c]! + y * y
        ab[c] = ab[c]! + x * y
      }
    }
  })
  return { aa, bb, ab }
}

/** torch.nn.CosineSimilarity divides by no less. */
const SMALLEST = 1e-8

function cosine(ab: number, aa: number, bb: number): number {
  return ab / Math.max(Math.sqrt(aa) * Math.sqrt(bb), SMALLEST)
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}

/** Of each column, and of the whole. */
interface Similarity {
  readonly columns: Float64Array
  readonly whole: number
}

/** Of the columns as they are; the whole as one vector. */
function rawSimilarity({ aa, bb, ab }: ColumnSums): Similarity {
  const columns = ab.map((dot, c) => cosine(dot, aa[c]!, bb[c]!))
  return { columns, whole: cosine(sum(ab), sum(aa), sum(bb)) }
}

/** Of columns brought to length 1 before: their cosines stay, the whole becomes the mean of those that are not 0. */
function normalisedSimilarity(sums: ColumnSums): Similarity {
  const { columns } = rawSimilarity(sums)
  const lengths = (squares: Float64Array) =>
    squares.reduce((count, square) => count + (square > 0 ? 1 : 0), 0)
  return { columns, whole: cosine(sum(columns), lengths(sums.aa), lengths(sums.bb)) }
}

/** Share of A for each column: the more alike, the more. */
function sharesOf(
  { columns, whole }: Similarity,
  [low, high]: MergeParameters['range'],
  less: number,
): Float64Array {
  // nothing to tell columns apart by where all are the same
  const spread = high > low ? high - low : 1
  return columns.map((column) => {
    const k = ((column + whole) / 2 - low) / spread - less
    return Math.min(1, Math.max(0, k))
  })
}

function mixColumns({ models, out, columns, facts }: MergeBlock): void {
  const [a, b] = models
  for (let at = 0; at < out.length; at += columns) {
    for (let c = 0; c < columns; c++) {
      const k = facts[c]!
      out[at + c] = (1 - k) * b![at + c]! + k * a![at + c]!
    }
  }
}

const shared = {
  models: [2, 2],
  alpha: { takes: 'one', byDefault: () => 0, describe: () => messages.cosineAlpha },
  combine: mixColumns,
} as const satisfies Partial<MergeMethod>

export const cosineA: MergeMethod = {
  ...shared,
  id: 'cosine-a',
  formula: () => messages.cosineA,
  definition: () => messages.cosineASource,
  async similarities(walk, size) {
    return normalisedSimilarity(await columnSums(walk, size)).columns
  },
  async survey(walk, size, { alpha, range }) {
    return sharesOf(normalisedSimilarity(await columnSums(walk, size)), range, Math.abs(alpha[0]!))
  },
}

export const cosineB: MergeMethod = {
  ...shared,
  id: 'cosine-b',
  formula: () => messages.cosineB,
  definition: () => messages.cosineBSource,
  async similarities(walk, size) {
    const { columns, whole } = rawSimilarity(await columnSums(walk, size))
    return columns.map((column) => (column + whole) / 2)
  },
  async survey(walk, size, { alpha, range }) {
    return sharesOf(rawSimilarity(await columnSums(walk, size)), range, alpha[0]!)
  },
}

/**
 * The range of similarities without outliers, as supermerger takes it: what lies below the first percentile goes, then
 * of the rest what lies above the 99th; percentiles between two values are their mean. NaN does not count.
 */
export function similarityRange(values: Float64Array): [low: number, high: number] {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort()
  const low = sorted.subarray(firstAtLeast(sorted, percentile(sorted, 0.01)))
  const limit = percentile(low, 0.99)
  const high = low.findLastIndex((value) => value <= limit)
  return sorted.length === 0 ? [0, 1] : [low[0]!, low[high]!]
}

/** numpy.percentile(..., method='midpoint') */
function percentile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  return (sorted[Math.floor(place)]! + sorted[Math.ceil(place)]!) / 2
}

function firstAtLeast(sorted: Float64Array, limit: number): number {
  return sorted.findIndex((value) => value >= limit)
}
