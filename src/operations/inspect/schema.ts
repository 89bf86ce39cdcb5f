/** The document of `inspect --json`. */
import * as v from 'valibot'
import {
  anyNumber,
  anything,
  count,
  dataBy,
  documentSchema,
  error,
  finding,
  flag,
  list,
  nullable,
  number,
  shape,
  text,
} from '../../report/document/envelope-schema.ts'

const security = nullable(
  v.strictObject({
    safe: flag,
    globals: list(
      v.strictObject({
        module: text,
        name: text,
        offset: count,
        verdict: v.picklist(['construct', 'opaque', 'dangerous', 'unknown']),
      }),
    ),
  }),
)

const architecture = v.strictObject({
  id: nullable(text),
  title: nullable(text),
  family: nullable(text),
  candidates: list(text),
  variant: nullable(text),
  named: nullable(v.strictObject({ id: text, title: text, evidence: text })),
  modelspec: nullable(text),
  resolution: nullable(count),
  width: nullable(text),
  prediction: nullable(text),
  predictionEvidence: nullable(text),
  predictionDetails: nullable(
    v.strictObject({
      assumed: flag,
      weak: flag,
      against: list(text),
      zeroTerminalSnr: flag,
      sigmaMax: nullable(number),
    }),
  ),
  shift: nullable(number),
  fp16Overflows: nullable(text),
  evidence: list(text),
})

const component = v.strictObject({
  name: text,
  role: text,
  title: text,
  prefix: text,
  layout: nullable(text),
  tensors: count,
  parameters: count,
  bytes: count,
  dtypes: dataBy(count),
  missing: nullable(list(v.strictObject({ name: text, shape }))),
  misshapen: nullable(list(v.strictObject({ name: text, expected: shape, actual: shape }))),
  extra: nullable(list(text)),
})

/** What a file says about itself, a model or a picture. */
const fileFields = {
  path: text,
  bytes: count,
  format: text,
  title: text,
  metadata: dataBy(text),
  hashes: dataBy(text),
  findings: list(finding),
  error: v.null(),
}

const moduleCounts = { modules: count, parameters: count, convModules: count }

const counted = list(v.strictObject({ id: text, title: text, modules: count }))
const valueCounts = list(v.strictObject({ value: anyNumber, modules: count }))
const patterns = list(v.pipe(v.tuple([text, number]), v.readonly()))

const peftConfig = v.strictObject({
  source: text,
  target: nullable(text),
  type: nullable(text),
  rank: nullable(number),
  alpha: nullable(number),
  rankStabilised: flag,
  ranks: patterns,
  alphas: patterns,
  oft: nullable(v.strictObject({ terms: count, limit: nullable(number), isShared: flag, isOld: flag })),
  feedforward: nullable(v.union([text, list(text)])),
})

const adapter = v.strictObject({
  title: text,
  algorithms: counted,
  dialects: counted,
  targets: list(v.strictObject({ target: text, title: text, tensors: count, ...moduleCounts })),
  ...moduleCounts,
  ranks: valueCounts,
  alphas: nullable(valueCounts),
  withoutAlpha: count,
  settings: v.strictObject({ configs: list(peftConfig), problems: list(text) }),
  doraModules: count,
  textEncoderTrained: flag,
  base: v.strictObject({
    architecture: nullable(text),
    title: nullable(text),
    evidence: list(text),
    claimed: nullable(text),
    claimedBy: nullable(text),
  }),
  embeddings: list(text),
  wrapped: list(v.strictObject({ title: text, modules: count })),
  strays: list(text),
  unknownModules: list(text),
  findings: list(finding),
})

const embedding = v.strictObject({
  layout: text,
  title: text,
  name: nullable(text),
  token: nullable(text),
  parts: list(v.strictObject({ role: text, token: nullable(text), vectors: count, dim: count })),
  vectors: count,
  snapshots: nullable(count),
  architecture: nullable(text),
  steps: nullable(number),
  trainedOn: nullable(v.strictObject({ name: nullable(text), hash: nullable(text) })),
  findings: list(finding),
})

const vae = v.strictObject({
  layout: text,
  network: text,
  title: text,
  prefix: text,
  encoder: flag,
  decoder: flag,
  latentChannels: nullable(count),
  downscale: nullable(number),
  tensors: count,
  architectures: list(text),
  space: nullable(text),
  evidence: nullable(text),
})

const facts = list(v.strictObject({ key: text, label: text, value: text }))

const summary = v.strictObject({
  training: nullable(
    v.strictObject({
      facts,
      datasets: list(
        v.strictObject({
          name: text,
          images: nullable(number),
          repeats: nullable(number),
          resolution: nullable(text),
        }),
      ),
      buckets: list(v.strictObject({ width: number, height: number, count: number })),
      tags: list(v.strictObject({ tag: text, count: number })),
    }),
  ),
  modelspec: nullable(
    v.strictObject({ facts, thumbnail: nullable(v.strictObject({ mime: text, bytes: count })) }),
  ),
  merge: nullable(
    v.strictObject({
      tool: nullable(text),
      facts,
      models: list(
        v.strictObject({
          sha256: nullable(text),
          legacyHash: nullable(text),
          name: nullable(text),
          merged: flag,
        }),
      ),
    }),
  ),
  // as it stands in the file
  recipe: nullable(dataBy(anything)),
  comfy: nullable(v.strictObject({ prompt: flag, workflow: flag, nodes: nullable(count) })),
})

const needs = v.strictObject({
  parts: list(
    v.strictObject({
      name: text,
      role: text,
      title: text,
      latents: nullable(text),
      files: nullable(list(v.strictObject({ path: text, sure: flag }))),
    }),
  ),
  looked: nullable(count),
  files: nullable(count),
})

const place = v.strictObject({
  program: text,
  title: text,
  folder: nullable(text),
  option: nullable(text),
})

export const inspectedModel = v.strictObject({
  ...fileFields,
  remote: nullable(v.strictObject({ requests: count, bytes: count })),
  kind: text,
  evidence: list(text),
  architecture,
  components: list(component),
  ema: nullable(
    v.strictObject({ of: v.picklist(['unet', 'vae']), tensors: count, uncovered: list(text), bytes: count }),
  ),
  adapter: nullable(adapter),
  embedding: nullable(embedding),
  vae: nullable(vae),
  quantised: list(v.strictObject({ format: text, title: text, layers: count, tables: count })),
  tensors: nullable(list(v.strictObject({ name: text, dtype: text, shape }))),
  extras: dataBy(anything),
  summary,
  needs: nullable(needs),
  places: list(place),
  scan: nullable(
    list(
      v.strictObject({
        name: text,
        values: count,
        nan: count,
        inf: count,
        overflowF16: count,
        vanishF16: count,
        largest: anyNumber,
        broken: list(text),
      }),
    ),
  ),
  security,
  leftovers: list(v.strictObject({ path: text, what: text, bytes: count })),
})

const picture = v.strictObject({
  ...fileFields,
  kind: v.literal('picture'),
  picture: v.strictObject({ width: count, height: count }),
  program: nullable(text),
  parameters: nullable(
    v.strictObject({ keyword: text, prompt: text, negative: text, settings: dataBy(text) }),
  ),
  embedding: nullable(embedding),
})

const refused = v.strictObject({ path: text, bytes: count, security, error })

export const inspectResult = v.union([inspectedModel, picture, refused])

export type InspectedModel = v.InferOutput<typeof inspectedModel>
export type InspectResult = v.InferOutput<typeof inspectResult>
export type InspectedArchitecture = v.InferOutput<typeof architecture>
export type InspectedComponent = v.InferOutput<typeof component>
export type InspectedAdapter = v.InferOutput<typeof adapter>
export type InspectedPeftConfig = v.InferOutput<typeof peftConfig>
export type InspectedEmbedding = v.InferOutput<typeof embedding>
export type InspectedPlace = v.InferOutput<typeof place>
export type InspectedNeeds = v.InferOutput<typeof needs>
export type InspectedSummary = v.InferOutput<typeof summary>

export const inspectSchema = documentSchema('inspect', { result: inspectResult })
