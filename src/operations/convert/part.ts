/** convert from one model file to one of the files of its folder of diffusers. */

import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import type { Identity } from '../../model/identity.ts'
import { type Pipeline, type PipelineFolder, toPipeline } from '../../model/layouts/pipeline.ts'
import { statedOfPart } from '../../model/metadata/stated.ts'
import type { Role } from '../../model/networks/components.ts'
import { defined } from '../../system/defined.ts'
import { refuse } from '../../system/errors.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import type { Operation } from '../operation.ts'
import type { Plan } from '../plan.ts'
import { messages } from './messages.ts'
import { type PartOptions, partOptions } from './options.ts'
import { inType } from './pipeline-tables.ts'
import { shardsOf } from './shards.ts'

export const convertPart: Operation<PartOptions> = {
  verb: 'convert',
  schema: partOptions,
  verify: false,
  picture: 'same',
  standsAlone: true,
  plan: ([model], options) => planPart(toPipeline(model!.file, model!.identity), model!.identity, options),
  decided: (options) => options,
  outputName: (_, [model], { part }) => `${stemOf(basename(model!.name))}-${part}.safetensors`,
  metadata: ({ table }) => ({ own: table.metadata, facts: {} }),
  describe: ({ table }, _, { part }) => ({
    what: messages.part(part, table.tensors.size),
    facts: { part },
  }),
}

const ROLES: Readonly<Record<PipelineFolder, Role>> = {
  unet: 'unet',
  transformer: 'unet',
  vae: 'vae',
  text_encoder: 'text',
  text_encoder_2: 'text',
  text_encoder_3: 'text',
}

/**
 * What one file of the folder holds.
 * @throws NOT_A_PIPELINE (exit 3) where the model has no such network, RECIPE_INVALID (exit 3) for a shard it does not have
 */
export function planPart(
  pipeline: Pipeline,
  identity: Identity,
  { part, shard, dtype }: Omit<PartOptions, 'to'>,
): Plan {
  const tensors = tensorsOfPart(pipeline, { part, ...defined({ dtype }) })
  const metadata = statedOfPart(ROLES[part], identity)
  return {
    table: { tensors: shard === undefined ? tensors : shardOf(tensors, shard), metadata },
    steps: [],
    findings: [],
  }
}

/** All of a network. @throws NOT_A_PIPELINE (exit 3) where the model has no such */
export function tensorsOfPart(
  { tensors }: Pipeline,
  { part, dtype }: Pick<PartOptions, 'part' | 'dtype'>,
): ReadonlyMap<string, Tensor> {
  const own = tensors[part]
  if (own === undefined) throw refuse('NOT_A_PIPELINE', messages.noPart(part))
  return inType(own, dtype)
}

function shardOf(
  tensors: ReadonlyMap<string, Tensor>,
  { number, of }: NonNullable<PartOptions['shard']>,
): ReadonlyMap<string, Tensor> {
  const shards = shardsOf(tensors)
  const shard = shards[number - 1]
  if (shard === undefined || shards.length !== of)
    throw refuse('RECIPE_INVALID', messages.otherShards(of, shards.length))
  return shard
}
