import { baseById } from '../../model/adapters/base.ts'
import { describeEmbedding } from '../../model/identify/embeddings.ts'
import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import { torchZip } from '../../tensor/formats/torch-zip-write.ts'
import type { InputModel, Operation, PlanContext } from '../operation.ts'
import type { Plan } from '../plan.ts'
import type { Planned } from '../run-each.ts'
import { findEmbeddings } from './find.ts'
import { safetensorsEmbedding, torchEmbedding, torchRoot } from './layout.ts'
import { messages } from './messages.ts'
import { type ExtractEmbeddingsOptions, extractEmbeddingsOptions } from './options.ts'
import { pictureAt } from './picture.ts'
import { type FoundEmbedding, vectorsOf } from './plan.ts'

export interface EmbeddingPlan extends Plan {
  readonly embedding: FoundEmbedding
  /** Value for `modelspec.architecture`. */
  readonly architecture?: string
}

/** An embedding as a file of its own. */
export const extractEmbeddings: Operation<ExtractEmbeddingsOptions, EmbeddingPlan> = {
  verb: 'extract embeddings',
  schema: extractEmbeddingsOptions,
  verify: false,
  picture: 'other',
  standsAlone: true,
  open: pictureAt,
  async plan(inputs, options, context) {
    const { only, ...all } = options
    const found = await planEmbeddings(inputs, all, context)
    return chosenEmbeddings(found, only)[0]!.plan
  },
  decided: (options) => ({ ...options, format: options.format ?? 'safetensors' }),
  outputName: ({ embedding }, _inputs, { format = 'safetensors' }) => `${embedding.name}.${format}`,
  form: ({ format }, plan) =>
    format === 'pt'
      ? { container: torchZip(plan && torchRoot(plan.embedding)), endings: ['.pt'] }
      : undefined,
  metadata: ({ table, architecture }) => ({
    own: table.metadata,
    facts: defined({ architecture }),
  }),
  describe({ embedding }) {
    const { name, parts, from } = embedding
    const vectors = vectorsOf(embedding)
    const widths = [...parts].map(([role, { shape }]) =>
      role === 'single' ? `${shape[1]}` : `${role} ${shape[1]}`,
    )
    return {
      what: messages.embedding(name, vectors, widths, from),
      facts: { name, vectors, from },
    }
  },
}

/** Every embedding that the options find, with the number that tells it from the others. @throws what `findEmbeddings` throws */
export async function planEmbeddings(
  inputs: readonly InputModel[],
  options: ExtractEmbeddingsOptions,
  { read }: PlanContext,
): Promise<Planned<ExtractEmbeddingsOptions, EmbeddingPlan>[]> {
  const found = await findEmbeddings(inputs, options, read)
  return found.map((embedding, i) => ({
    options: found.length > 1 ? { ...options, only: i + 1 } : options,
    plan: planOf(embedding, options),
  }))
}

function planOf(embedding: FoundEmbedding, { format }: ExtractEmbeddingsOptions): EmbeddingPlan {
  const table = format === 'pt' ? torchEmbedding(embedding) : safetensorsEmbedding(embedding)
  const info = describeEmbedding(table)
  const family = info?.architecture && baseById(info.architecture).modelspec
  return {
    table,
    steps: [],
    findings: info?.findings ?? [],
    embedding,
    ...(family === undefined ? {} : { architecture: `${family}/textual-inversion` }),
  }
}

type FoundPlans = readonly Planned<ExtractEmbeddingsOptions, EmbeddingPlan>[]

/** The one of this name or number, or all. @throws USAGE (exit 2) where there is none */
export function chosenEmbeddings(found: FoundPlans, only: string | number | undefined): FoundPlans {
  if (only === undefined) return found
  const byNumber = /^\d+$/.test(String(only)) ? found[Number(only) - 1] : undefined
  const one = found.find(({ plan }) => plan.embedding.name === only) ?? byNumber
  if (one !== undefined) return [one]
  const names = found.map(({ plan }) => plan.embedding.name)
  throw usage(messages.noSuchEmbedding(only), messages.thereAre(names))
}
