/** convert from one model file to another: other containers, other types. */

import { basename } from 'node:path'
import { warning } from '../../model/finding.ts'
import { isStated } from '../../model/identify/same-prediction.ts'
import type { Identity } from '../../model/identity.ts'
import { isNamedAs } from '../../model/layouts/endings.ts'
import { refuse } from '../../system/errors.ts'
import { torchZip } from '../../tensor/formats/torch-zip-write.ts'
import { isEncoded } from '../../tensor/quantised/check.ts'
import { QUANTISATION_KEY } from '../../tensor/quantised/config.ts'
import type { ModelFile, TensorTable } from '../../tensor/values/table.ts'
import type { Operation } from '../operation.ts'
import { convertedName } from '../output/name.ts'
import { changesNothing, type Plan } from '../plan.ts'
import { messages } from './messages.ts'
import { type FileOptions, fileOptions } from './options.ts'
import { planConvert } from './plan.ts'

export const convertFile: Operation<FileOptions> = {
  verb: 'convert',
  schema: fileOptions,
  verify: false,
  picture: 'same',
  plan([model], { to, dtype = {} }) {
    const { file, identity } = model!
    if (to !== 'ckpt') return planConvert(file, identity, { dtype })
    checkTorchZip(file, identity)
    return withUnseen(planConvert(file, identity, { dtype }), identity)
  },
  decided: ({ to, ...options }) => (to === 'ckpt' ? { to, ...options } : options),
  outputName: (plan, [model], { to }) =>
    convertedName(basename(model!.name), plan, to === 'ckpt' ? '.ckpt' : undefined),
  form: ({ to }) =>
    to === 'ckpt' ? { container: torchZip(), endings: ['.ckpt', '.pt', '.pth', '.bin'] } : undefined,
  nothing(plan, [model], { to }) {
    if (!isAs(to === 'ckpt' ? 'torch-zip' : 'safetensors', model!.file) || !changesNothing(plan)) return
    return to === 'ckpt' ? messages.alreadyTorchZip : messages.alreadySafetensors
  },
}

/** In this format already, and called so. */
function isAs(format: 'safetensors' | 'torch-zip', { format: own, file }: ModelFile): boolean {
  return own === format && isNamedAs(format, basename(file.path))
}

/**
 * A torch zip has no header for programs to read, and embeddings another layout.
 * @throws EMBEDDING_LAYOUT, QUANTISED (exit 3)
 */
function checkTorchZip({ metadata, tensors }: TensorTable, { kind }: Identity): void {
  if (kind === 'embedding') throw refuse('EMBEDDING_LAYOUT', messages.embeddingLayout, messages.extractAsPt)
  if (!Object.hasOwn(metadata, QUANTISATION_KEY) || ![...tensors.values()].some(isEncoded)) return
  throw refuse('QUANTISED', messages.quantisedInHeader(QUANTISATION_KEY), messages.keepSafetensors)
}

/** UIs look at the tensors of a torch file, and at files next to it, but not at its texts. */
function withUnseen(plan: Plan, { architecture, components }: Identity): Plan {
  const prediction = architecture?.prediction
  const isMarked = components.some(({ id, names }) => id === 'markers' && names.includes('v_pred'))
  if (prediction?.type !== 'v' || !isStated(prediction) || isMarked) return plan
  const finding = warning('prediction-unseen', messages.predictionUnseen(prediction.evidence))
  return { ...plan, findings: [...plan.findings, finding] }
}
