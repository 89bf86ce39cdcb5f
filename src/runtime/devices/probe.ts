/** Whether a device really works: a small UNet is run on it and compared with the CPU. */
import { MIDDLE, type UnetConfig, unetTopology } from '../../model/networks/topology/unet.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import type { NetworkPrecision } from '../engine/engine.ts'
import { type UnetSize, unetGraph } from '../networks/unet.ts'
import { weightsOf } from '../networks/weights.ts'
import { graphBuilder } from '../onnx/builder.ts'
import { encodeModel } from '../onnx/model.ts'
import { openSession, type SessionWorld } from '../sessions/session.ts'
import type { Feeds, Session } from '../sessions/session-protocol.ts'
import { CPU, type Device, type DeviceKind, sessionOptions } from './devices.ts'
import { messages } from './messages.ts'

/** Two levels, so that every operator of a full one is in it. */
const CONFIG: UnetConfig = {
  inChannels: 4,
  outChannels: 4,
  channels: 32,
  widths: [32, 32],
  resBlocks: 1,
  depthIn: [1, 1],
  depthMid: MIDDLE.resOnly,
  depthOut: [1, 1, 1, 1],
  context: 32,
  linear: true,
}
const SIZE: UnetSize = { batch: 1, height: 8, width: 8, tokens: 77 }

/** How far a device may be off, as a share of the largest value. float32 gives 1e-5, wrong kernels 0.1 and more. */
const TOLERANCE: Readonly<Record<NetworkPrecision, number>> = { fp32: 1e-3, fp16: 3e-2 }

export interface Probe {
  readonly kind: DeviceKind
  /** Absent if it does not work. */
  readonly device?: Device
  /** Why it does not work, in the words of whoever said so. */
  readonly problem?: string
  /** Why it does not compute in float16. */
  readonly halfProblem?: string
  /** Seconds of one run of the small network, when it runs for the second time unless it is very slow. */
  readonly seconds?: number
}

/** A driver that takes longer for some milliseconds of work will never draw anything. */
const PATIENCE_MS = 120_000

/**
 * Tries a device.
 * @param expected what `measureCpu` gave
 * @throws only the signal's reason
 */
export async function probeDevice(kind: DeviceKind, expected: Measured, world: SessionWorld): Promise<Probe> {
  const device: Device = { kind, half: false }
  const full = await attempt(device, 'fp32', expected, world)
  if ('problem' in full) return { kind, problem: full.problem }
  if (!kind.halves) return { kind, device, seconds: full.seconds }
  const half = await attempt(device, 'fp16', expected, world)
  if ('problem' in half) return { kind, device, halfProblem: half.problem, seconds: full.seconds }
  return { kind, device: { kind, half: true }, seconds: half.seconds }
}

export interface Measured {
  readonly values: Float32Array
  readonly seconds: number
}

/** What the small network gives, and how long it takes, where it certainly works. */
export function measureCpu(world: SessionWorld): Promise<Measured> {
  return measure(CPU, 'fp32', world)
}

async function attempt(
  device: Device,
  precision: NetworkPrecision,
  { values: expected }: Measured,
  { signal, ...world }: SessionWorld,
): Promise<Measured | { readonly problem: string }> {
  const patience = AbortSignal.timeout(PATIENCE_MS)
  const either = signal ? AbortSignal.any([signal, patience]) : patience
  try {
    const measured = await measure(device, precision, { ...world, signal: either })
    const error = relativeError(measured.values, expected)
    if (error <= TOLERANCE[precision]) return measured
    return { problem: messages.resultsOff((100 * error).toPrecision(2), precision) }
  } catch (error) {
    signal?.throwIfAborted()
    if (patience.aborted) return { problem: messages.tooSlow(PATIENCE_MS / 1000) }
    return { problem: reason(error instanceof Error ? error.message : String(error)) }
  }
}

/** What onnxruntime says, and what it means. */
const MEANINGS: readonly (readonly [RegExp, () => string])[] = [
  [/Failed to get a WebGPU adapter/, () => messages.noGraphicsCard],
  [/ProviderOptions?_Cuda.*Failed to load|Provider_Cuda: Failed to load/i, () => messages.noCudaLibraries],
  [/requires f16/, () => messages.noHalfFloats],
]

function reason(said: string): string {
  return MEANINGS.find(([pattern]) => pattern.test(said))?.[1]() ?? said
}

/** NaN counts as infinitely wrong. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - actual[i]!)), 0)
  return Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst / largest
}

async function measure(device: Device, precision: NetworkPrecision, world: SessionWorld): Promise<Measured> {
  const model = probeModel(device, precision)
  const session = await openSession(
    { model, options: sessionOptions(device, { root: '', strict: device.kind.whole }) },
    world,
  )
  try {
    const first = await timed(session)
    // the first run of a card compiles its programs
    return first.seconds > CERTAINLY_SLOW ? first : await timed(session)
  } finally {
    await session.close()
  }
}

/** Seconds after which nobody needs to know how long it takes when it is warm. */
const CERTAINLY_SLOW = 5

async function timed(session: Session): Promise<Measured> {
  const start = performance.now()
  const { out } = await session.run(FEEDS)
  return { values: out!, seconds: (performance.now() - start) / 1000 }
}

function probeModel({ kind }: Device, precision: NetworkPrecision): Uint8Array {
  const graph = graphBuilder()
  const weights = weightsOf('probe', WEIGHTS)
  const type = precision === 'fp16' ? 'float16' : 'float32'
  unetGraph(
    { graph, weights, type, attention: kind.attention, wideScores: false },
    { config: CONFIG, heads: { width: 16 } },
    SIZE,
  )
  const planned = graph.build()
  const initializers = planned.weights.map(({ tensor, begin, ...use }) => {
    const { data } = tensor.source as { data: Uint8Array }
    return { ...use, data: data.subarray(4 * begin, 4 * (begin + elementCount(use.shape))) }
  })
  return encodeModel({ ...planned, initializers: [...planned.constants, ...initializers] })
}

/** Waves of unlike lengths, which no kernel gets right by chance. */
function waves(count: number, amplitude: number, phase: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => amplitude * Math.sin(phase + 0.7 * i + 0.0013 * i * i),
  )
}

const WEIGHTS: ReadonlyMap<string, Tensor> = new Map(
  [...unetTopology(CONFIG)].map(([name, shape], index) => {
    const fanIn = elementCount(shape) / shape[0]!
    const values = waves(elementCount(shape), shape.length > 1 ? Math.sqrt(2 / fanIn) : 0.5, index)
    const data = new Uint8Array(values.buffer as ArrayBuffer)
    return [name, { name, dtype: 'F32', shape, source: { kind: 'bytes', data } } satisfies Tensor]
  }),
)

const FEEDS: Feeds = {
  x: { data: waves(4 * SIZE.height * SIZE.width, 1, 1), dims: [1, 4, SIZE.height, SIZE.width] },
  time: { data: waves(CONFIG.channels, 1, 2), dims: [1, CONFIG.channels] },
  context: { data: waves(SIZE.tokens * CONFIG.context, 1, 3), dims: [1, SIZE.tokens, CONFIG.context] },
}
