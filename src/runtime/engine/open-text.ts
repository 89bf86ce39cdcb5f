import type { Model } from '../../model/model.ts'
import { architectureById } from '../../model/networks/architectures/registry.ts'
import type { Component, ComponentId } from '../../model/networks/components.ts'
import { deriveClip, deriveOpenClip } from '../../model/networks/topology/derive.ts'
import type { ShapeOf } from '../../model/networks/topology/match.ts'
import type { ClipConfig } from '../../model/networks/topology/text.ts'
import { refuse, SdtoolError } from '../../system/errors.ts'
import { decodeInto, newEvaluation } from '../../tensor/values/expr.ts'
import { type Inputs, openInputs } from '../../tensor/write/jobs.ts'
import { checkFiniteValues } from '../devices/check-values.ts'
import {
  OPENCLIP_NAMES,
  type TextGraphOptions,
  type TextPlan,
  TRANSFORMERS_NAMES,
  textGraph,
} from '../networks/text.ts'
import { checkComplete, localTensors, type NetworkWeights, weightsOf } from '../networks/weights.ts'
import { type NetworkSession, networkSession, type SizedGraph } from '../sessions/network-session.ts'
import { precisionFor } from '../sessions/precision.ts'
import {
  CHUNK_TOKENS,
  type EngineOptions,
  type TextEncoder,
  type TextInput,
  type TextOutput,
  type TextTower,
} from './engine.ts'
import { joinFloats } from './floats.ts'
import { messages } from './messages.ts'

type TowerId = TextTower['id']

/** What every program does with each encoder. Sources: ldm/modules/encoders/modules.py, sgm/modules/encoders/modules.py */
const TOWERS: Readonly<Record<TowerId, Pick<TextPlan, 'activation'> & Pick<TextTower, 'padding'>>> = {
  clip_l: { activation: 'quick', padding: 49407 },
  clip_h: { activation: 'exact', padding: 0 },
  clip_g: { activation: 'exact', padding: 0 },
}

const TOWER_IDS: Readonly<Partial<Record<ComponentId, TowerId>>> = {
  clip_l: 'clip_l',
  clip_h: 'clip_h',
  clip_g: 'clip_g',
  openclip_h: 'clip_h',
  openclip_g: 'clip_g',
}

/** SDXL and its smaller relatives. */
function hasTwoTowers(architecture: string | undefined): boolean {
  const known = architecture === undefined ? undefined : architectureById(architecture)
  return known?.components.some(({ id }) => id === 'openclip_g') ?? false
}

/** How a family uses its encoders. SDXL takes the penultimate layer as it is, of CLIP-L, too. */
function usage(id: TowerId, isXl: boolean): Pick<TextTower, 'skip' | 'finalNorm' | 'pools'> {
  if (isXl) return { skip: 2, finalNorm: false, pools: id === 'clip_g' }
  return { skip: id === 'clip_h' ? 2 : 1, finalNorm: true, pools: false }
}

/**
 * The text encoders of a model in the order their outputs are joined.
 * @throws COMPONENT_MISSING, NOT_RENDERABLE (exit 3)
 */
export function textTowers(model: Model): TextTower[] {
  const { components, architecture } = model.identity
  const found = components.flatMap((component, index) => {
    const id = TOWER_IDS[component.id]
    return component.role === 'text' && id !== undefined ? [{ component, index, id }] : []
  })
  if (found.length === 0) {
    throw refuse('COMPONENT_MISSING', messages.noTextEncoder(model.name), messages.useCheckpoint)
  }
  const isXl = hasTwoTowers(architecture?.id)
  return found
    .sort((a, b) => Object.keys(TOWERS).indexOf(a.id) - Object.keys(TOWERS).indexOf(b.id))
    .map(({ component, index, id }) => {
      const { width, layers } = configOf(model, component)
      const { padding } = TOWERS[id]
      const { skip, ...more } = usage(id, isXl)
      // a CLIP-H without its last layer, which diffusers leaves out, ends with the layer that is wanted
      const isCut = id === 'clip_h' && layers === CUT_LAYERS
      const common = { id, title: component.title, component: index, width, layers, padding }
      return { ...common, skip: isCut ? 1 : skip, ...more }
    })
}

const CUT_LAYERS = 23

function configOf(model: Model, component: Component): ClipConfig {
  const tensors = localTensors(model.file, component)
  const shapeOf: ShapeOf = (name) => tensors.get(name)?.shape
  const config = component.layout === 'transformers' ? deriveClip(shapeOf) : deriveOpenClip(shapeOf)
  if (config) return config
  throw refuse('NOT_RENDERABLE', messages.incomplete(model.name, component.title))
}

const HEAD_WIDTH = 64
/** Of CLIP-L, whatever its width. */
const CLIP_L_HEADS = 12

function headsOf(width: number): number {
  return width % HEAD_WIDTH === 0 ? width / HEAD_WIDTH : CLIP_L_HEADS
}

/** @throws COMPONENT_INCOMPLETE, NOT_RENDERABLE (exit 3) */
export async function openTextEncoder(
  model: Model,
  tower: TextTower,
  options: EngineOptions,
): Promise<TextEncoder> {
  const component = model.identity.components[tower.component]!
  checkComplete(model.file, component)
  const weights = weightsOf(tower.title, localTensors(model.file, component))
  const names = component.layout === 'transformers' ? TRANSFORMERS_NAMES : OPENCLIP_NAMES
  const { activation } = TOWERS[tower.id]
  const plan = { names, width: tower.width, heads: headsOf(tower.width), layers: tower.layers, activation }
  const precision = precisionFor(options)
  const session = networkSession({ title: tower.title, weights, precision }, options)
  const inputs = openInputs()
  const rows = tokenRows(weights, names.tokens, inputs)
  return {
    title: tower.title,
    tower,
    async encode(chunks, { skip = tower.skip } = {}) {
      checkSkip(tower, skip)
      const graph = sized(plan, {
        depth: tower.layers - (skip - 1),
        finalNorm: tower.finalNorm,
        pools: tower.pools,
      })
      const parts: TextOutput[] = []
      for (const chunk of chunks) {
        const part = await encodeChunk(chunk, tower, { session, graph, rows })
        checkFiniteValues(part.hidden, { title: tower.title, precision })
        parts.push(part)
      }
      return concatenateTowers(parts, tower)
    },
    async close() {
      await session.close()
      await inputs.close()
    },
  }
}

/** @throws CLIP_SKIP (exit 1) */
function checkSkip({ title, layers }: TextTower, skip: number): void {
  if (Number.isInteger(skip) && skip >= 1 && skip <= layers) return
  throw new SdtoolError('CLIP_SKIP', messages.clipSkip(skip, title, layers), {
    exitCode: 2,
    hint: messages.clipSkipRange(layers),
  })
}

function sized(plan: TextPlan, options: TextGraphOptions): SizedGraph {
  return {
    key: JSON.stringify(options),
    activationBytes: 64 * CHUNK_TOKENS * plan.width * 4,
    build: (net) => textGraph(net, plan, CHUNK_TOKENS, options),
  }
}

interface Encoding {
  readonly session: NetworkSession
  readonly graph: SizedGraph
  readonly rows: TokenRows
}

async function encodeChunk(
  { ids, vectors = [] }: TextInput,
  { width, pools }: TextTower,
  { session, graph, rows }: Encoding,
): Promise<TextOutput> {
  const data = new Float32Array(CHUNK_TOKENS * width)
  for (const [position, id] of ids.entries()) data.set(await rows(id), position * width)
  for (const { position, values } of vectors) data.set(values, position * width)
  const feeds = {
    embeds: { data, dims: [CHUNK_TOKENS, width] },
    ...(pools && { end: { data: endToken(ids), dims: [1, CHUNK_TOKENS] } }),
  }
  const { hidden, pooled } = await session.run(graph, feeds)
  return { hidden: hidden!, width, ...(pooled && { pooled, pooledWidth: pooled.length }) }
}

/** The largest id of CLIP's vocabulary: tokens that were trained into it come behind. */
const END_TOKEN = 49407

/** 1 at the first end token. */
function endToken(ids: readonly number[]): Float32Array {
  const values = new Float32Array(CHUNK_TOKENS)
  const first = ids.indexOf(END_TOKEN)
  values[first < 0 ? CHUNK_TOKENS - 1 : first] = 1
  return values
}

type TokenRows = (id: number) => Promise<Float32Array<ArrayBuffer>>

/** Rows of the token table, read one by one: the table is the largest weight of an encoder, and 77 rows are needed. */
function tokenRows(weights: NetworkWeights, name: string, { read }: Inputs): TokenRows {
  const table = weights.get(name)
  const [count, width] = table.shape as [number, number]
  const known = new Map<number, Float32Array<ArrayBuffer>>()
  return async (id) => {
    if (!Number.isInteger(id) || id < 0 || id >= count) {
      throw refuse('TOKEN_RANGE', messages.unknownToken(id, count, weights.title))
    }
    const row = known.get(id) ?? new Float32Array(width)
    if (!known.has(id)) await decodeInto(table, id * width, (id + 1) * width, row, newEvaluation(read))
    known.set(id, row)
    return row
  }
}

function concatenateTowers(parts: readonly TextOutput[], { width }: TextTower): TextOutput {
  const hidden = joinFloats(parts.map((part) => part.hidden))
  const pooledWidth = parts[0]?.pooledWidth
  if (pooledWidth === undefined) return { hidden, width }
  return { hidden, width, pooled: joinFloats(parts.map(({ pooled }) => pooled!)), pooledWidth }
}
