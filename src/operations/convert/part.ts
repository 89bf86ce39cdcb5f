/** convert from one model file to one of the files of its folder of diffusers. */

import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import type { Identity } from '../../model/identity.ts'
import { type Pipeline, type PipelineFolder, toPipeline } from '../../model/layouts/pipeline.ts'
import { statedOfPart } from '../../model/metadata/stated.ts'
import type { Role } from '../../model/networks/components.ts'
import { refuse } from '../../system/errors.ts'
import type { Operation } from '../operation.ts'
import type { Plan } from '../plan.ts'
import { messages } from './messages.ts'
import { type PartOptions, partOptions } from './options.ts'
import { inType } from './pipeline-tables.ts'

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
  vae: 'vae',
  text_encoder: 'text',
  text_encoder_2: 'text',
}

/** What one file of the folder holds. @throws NOT_A_PIPELINE (exit 3) where the model has no such network */
export function planPart(
  pipeline: Pipeline,
  identity: Identity,
  { part, dtype }: Pick<PartOptions, 'part' | 'dtype'>,
): Plan {
  const tensors = pipeline.tensors[part]
  if (tensors === undefined) throw refuse('NOT_A_PIPELINE', messages.noPart(part))
  const metadata = statedOfPart(ROLES[part], identity)
  return { table: { tensors: inType(tensors, dtype), metadata }, steps: [], findings: [] }
}
