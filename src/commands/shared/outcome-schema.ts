/** Documents of the commands that write models: what became of each input. */
import * as v from 'valibot'
import {
  count,
  documentSchema,
  error,
  finding,
  list,
  nullable,
  number,
  text,
} from '../../report/document/envelope-schema.ts'

const step = v.strictObject({
  action: text,
  component: text,
  what: text,
  tensors: count,
  bytesBefore: count,
  bytesAfter: count,
  why: text,
})

const verified = v.strictObject({
  tensors: count,
  bytes: count,
  rows: count,
  values: count,
  correct: count,
  worst: number,
})

/** How much a part of the model changed. */
export const partFields = {
  component: text,
  title: text,
  tensors: count,
  relative: nullable(number),
  lost: number,
}

const madeFields = {
  path: text,
  status: v.picklist(['written', 'planned', 'skipped', 'failed']),
  output: nullable(text),
  bytesAfter: nullable(count),
  tensors: nullable(count),
  findings: list(finding),
  seconds: nullable(number),
  error: nullable(error),
}

/** Of an output that is another form of its input. */
const outcomeFields = {
  ...madeFields,
  title: nullable(text),
  bytesBefore: nullable(count),
  steps: nullable(list(step)),
  proof: nullable(list(v.strictObject(partFields))),
  verified: nullable(verified),
}

/** Of an output that is no other form of its input: what it is stands in keys of its command. */
const made = v.strictObject(madeFields)
const outcome = v.strictObject(outcomeFields)

export type MadeResult = v.InferOutput<typeof made>
export type OutcomeResult = v.InferOutput<typeof outcome>

/** @param own keys of the command beside those that all have, `proof` among them where it tells more */
function outcomeSchema(command: string, own: v.ObjectEntries = {}) {
  return documentSchema(command, { result: v.strictObject({ ...outcomeFields, ...own }), dryRun: true })
}

function madeSchema(command: string, own: v.ObjectEntries) {
  return documentSchema(command, { result: v.strictObject({ ...madeFields, ...own }), dryRun: true })
}

const ratio = v.strictObject({ unet: number, text: number })
const range = v.pipe(v.tuple([number, number]), v.readonly())

const folder = v.strictObject({
  path: text,
  title: text,
  status: v.picklist(['written', 'planned']),
  output: text,
  parts: list(v.strictObject({ folder: text, tensors: count, bytesAfter: count })),
  findings: list(finding),
  error: v.null(),
})

export type FolderResult = v.InferOutput<typeof folder>

const loraReport = v.strictObject({
  name: text,
  title: text,
  ratio,
  parts: list(
    v.strictObject({
      target: text,
      title: text,
      algorithms: list(text),
      ranks: nullable(range),
      ratio: number,
      blockRatios: nullable(range),
      matched: count,
      unmatched: count,
      leftOut: count,
    }),
  ),
  unmatched: list(v.strictObject({ name: text, target: text, reason: text, detail: nullable(text) })),
})

export type LoraReportJson = v.InferOutput<typeof loraReport>

/** Of layers together: how much of them is in the LoRA. */
const figures = {
  modules: count,
  ranks: range,
  change: nullable(number),
  energy: number,
  error: nullable(number),
}

const layersFields = {
  blocks: list(v.strictObject({ component: text, block: text, ...figures })),
  total: v.strictObject(figures),
  layers: list(v.strictObject({ module: text, ...figures })),
}
const layers = v.strictObject(layersFields)

export type LayersJson = v.InferOutput<typeof layers>

const model = v.strictObject({ letter: text, name: text, title: text })
const loraPart = v.strictObject({ ...partFields, modules: count })

/** Of `convert` by what is converted: a file, a part of a folder, a folder to a file, a file to a folder. */
const converted = v.union([
  v.strictObject(outcomeFields),
  v.strictObject({ ...madeFields, part: text }),
  v.strictObject({ ...madeFields, kind: text }),
  folder,
])

/** By the names of the registry. */
export const WRITER_DOCUMENTS: Readonly<Record<string, v.GenericSchema>> = {
  'bake-vae': outcomeSchema('bake-vae'),
  join: outcomeSchema('join'),
  convert: documentSchema('convert', { result: converted, dryRun: true }),
  extract: madeSchema('extract', { component: text }),
  'extract embeddings': madeSchema('extract embeddings', { name: text, vectors: count, from: text }),
  'extract lora': madeSchema('extract lora', {
    title: nullable(text),
    base: text,
    ...layersFields,
    unchanged: count,
    outside: v.strictObject({ tensors: count, share: number }),
  }),
  'lora convert': documentSchema('lora convert', {
    result: v.union([
      v.strictObject({ ...madeFields, to: text, modules: count, split: count, fused: count }),
      folder,
    ]),
    dryRun: true,
  }),
  'lora merge': madeSchema('lora merge', {
    loras: list(v.strictObject({ name: text, ratio, modules: count })),
    modules: count,
    ranks: range,
    dtype: text,
    rounded: count,
  }),
  'lora resize': madeSchema('lora resize', {
    title: text,
    bytesBefore: nullable(count),
    ...layersFields,
    kept: count,
  }),
  merge: outcomeSchema('merge', { models: list(model) }),
  'merge-lora': outcomeSchema('merge-lora', { loras: list(loraReport), proof: nullable(list(loraPart)) }),
  prune: outcomeSchema('prune'),
}
