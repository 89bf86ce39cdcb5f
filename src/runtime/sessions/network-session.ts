/** A graph and its weights, loaded when it is first run, and loaded anew when it is run in another size. */
import { defined } from '../../system/defined.ts'
import { sessionOptions } from '../devices/devices.ts'
import type { EngineOptions, NetworkPrecision } from '../engine/engine.ts'
import { elementCount, type Net } from '../networks/net.ts'
import type { NetworkWeights } from '../networks/weights.ts'
import { graphBuilder, type PlannedGraph } from '../onnx/builder.ts'
import { checkMemory } from './memory.ts'
import { messages } from './messages.ts'
import { encodePlaced, type Placement, placeWeights } from './placement.ts'
import { openSession } from './session.ts'
import type { Feeds, Results, Session } from './session-protocol.ts'

/** One size of a network. */
export interface SizedGraph {
  /** Graphs of the same key are the same. */
  readonly key: string
  build(net: Net): void
  /** Bytes of the largest values that are in memory at once, beside the weights. */
  readonly activationBytes: number
}

export interface NetworkSpec {
  readonly title: string
  readonly weights: NetworkWeights
  readonly precision: NetworkPrecision
  /** See `Net`. */
  readonly wideScores?: boolean
  /** See `SessionUse`. */
  readonly once?: boolean
}

export interface NetworkSession {
  run(graph: SizedGraph, feeds: Feeds): Promise<Results>
  /** Gives the memory back until the next run. */
  unload(): Promise<void>
  close(): Promise<void>
}

interface Loaded {
  readonly key: string
  readonly session: Session
}

/**
 * A network whose graph is loaded for the size that is asked for, and kept until another one is.
 * @throws from `run`: what `openSession` throws, MEMORY (exit 1), the reason of the signal, Error after `close`
 */
export function networkSession(spec: NetworkSpec, options: EngineOptions): NetworkSession {
  let placement: Placement | undefined
  let loaded: Loaded | undefined
  let closed = false
  const unload = async (): Promise<void> => {
    const { session } = loaded ?? {}
    loaded = undefined
    await session?.close()
  }
  const load = async (graph: SizedGraph): Promise<Loaded> => {
    await unload()
    const planned = plan(spec, graph, options)
    checkFits(spec, planned, graph, options)
    placement = await placed(spec, planned, placement, options)
    const model = encodePlaced(planned, placement)
    report(spec, options, 'load', 0, 0)
    const { device, strict = false } = options
    const use = { root: placement.root, strict, once: spec.once ?? false }
    const session = await openSession({ model, options: sessionOptions(device, use) }, options)
    return { key: graph.key, session }
  }
  return {
    async run(graph, feeds) {
      if (closed) throw new Error(`the ${spec.title} is closed`)
      options.signal?.throwIfAborted()
      if (loaded?.key !== graph.key) loaded = await load(graph)
      return loaded.session.run(feeds)
    },
    unload,
    async close() {
      closed = true
      await unload()
      await placement?.close()
      placement = undefined
    },
  }
}

function plan(
  { weights, precision, wideScores = false }: NetworkSpec,
  { build }: SizedGraph,
  options: EngineOptions,
): PlannedGraph {
  const graph = graphBuilder()
  const type = precision === 'fp16' ? 'float16' : 'float32'
  build({ graph, weights, type, attention: options.device.kind.attention, wideScores })
  return graph.build()
}

/** Sizes of a network use the same weights, so they are placed once; fewer layers skipped need more of them. */
async function placed(
  spec: NetworkSpec,
  { weights }: PlannedGraph,
  known: Placement | undefined,
  options: EngineOptions,
): Promise<Placement> {
  if (known && weights.every(({ tensor }) => known.has(tensor))) return known
  await known?.close()
  const { threads, matmul, scratch, signal } = options
  return placeWeights(
    weights.map(({ tensor }) => tensor),
    {
      threads,
      ...(matmul && { matmul }),
      ...defined({ scratch }),
      ...(signal && { signal }),
      onProgress: (done, total) => report(spec, options, 'evaluate', done, total),
    },
  )
}

function report(
  { title }: NetworkSpec,
  { onProgress }: EngineOptions,
  stage: 'evaluate' | 'load',
  doneBytes: number,
  totalBytes: number,
): void {
  onProgress?.({ component: title, stage, doneBytes, totalBytes })
}

/** Node and onnxruntime themselves. */
const PROCESS_BYTES = 150e6

/** On the CPU weights of any type are float32 in memory; a device with memory of its own says so itself. */
function checkFits(
  { title }: NetworkSpec,
  { weights }: PlannedGraph,
  { activationBytes }: SizedGraph,
  { device }: EngineOptions,
): void {
  if (device.kind.ownMemory) return
  const weightBytes = weights.reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0)
  checkMemory({
    what: messages.theComponent(title),
    bytes: weightBytes + activationBytes + PROCESS_BYTES,
    hint: messages.freeMemory,
  })
}
