/** Devices that onnxruntime can run a graph on, and how to ask for them. A new one is a row here. */
import type { AttentionKind } from '../networks/net.ts'
import type { SessionOptions } from '../sessions/session-protocol.ts'
import { messages } from './messages.ts'

export const DEVICE_IDS = ['cuda', 'dml', 'webgpu', 'coreml', 'cpu'] as const
export type DeviceId = (typeof DEVICE_IDS)[number]

export interface DeviceKind {
  readonly id: DeviceId
  /** For people: "WebGPU". */
  readonly title: string
  /** How onnxruntime is asked for it. */
  readonly provider: Readonly<Record<string, unknown>>
  readonly options: SessionOptions
  /** Entries of onnxruntime's `session.` configuration. */
  readonly config?: Readonly<Record<string, string>>
  readonly attention: AttentionKind
  /** Pictures of a batch go through the network together; one after the other is as fast on a CPU, in less memory. */
  readonly batches: boolean
  /** Weights are held in memory of its own. */
  readonly ownMemory: boolean
  /** It may compute in float16. */
  readonly halves: boolean
  /** It has every operator that our graphs use; otherwise some run on the CPU. */
  readonly whole: boolean
  /** What it needs, for those who do not have it. */
  readonly needs: () => string
}

/** In the order in which `auto` prefers them. */
export const DEVICES: readonly DeviceKind[] = [
  {
    id: 'cuda',
    title: 'CUDA',
    provider: { name: 'cuda' },
    options: { graphOptimizationLevel: 'all' },
    attention: 'fused',
    batches: true,
    ownMemory: true,
    halves: true,
    whole: true,
    needs: () => messages.needsCuda,
  },
  {
    id: 'dml',
    title: 'DirectML',
    provider: { name: 'dml' },
    // DirectML runs neither with memory patterns nor nodes in parallel
    options: { graphOptimizationLevel: 'all', enableMemPattern: false, executionMode: 'sequential' },
    attention: 'fused',
    batches: true,
    ownMemory: true,
    halves: true,
    whole: true,
    needs: () => messages.needsDirectMl,
  },
  {
    id: 'webgpu',
    title: 'WebGPU',
    provider: { name: 'webgpu', storageBufferCacheMode: 'simple' },
    // `basic` folds the casts of stored weights on the CPU: a device without float16 could not run them
    options: { graphOptimizationLevel: 'basic' },
    // its fused one gave errors of 9 to 23 % on SwiftShader and has a history of wrong results on real cards
    attention: 'explicit',
    batches: true,
    ownMemory: true,
    halves: true,
    whole: true,
    needs: () => messages.needsWebGpu,
  },
  {
    id: 'coreml',
    title: 'CoreML',
    provider: { name: 'coreml', coreMlFlags: 0x10 }, // MLProgram
    options: { graphOptimizationLevel: 'basic' },
    attention: 'explicit',
    batches: false,
    ownMemory: false,
    halves: true,
    whole: false,
    needs: () => messages.needsCoreMl,
  },
  {
    id: 'cpu',
    title: 'CPU',
    provider: { name: 'cpu' },
    // `all` takes 11 s instead of 3 to load SD 1.5 and 5.7 GB instead of 3.5, for steps that are a tenth faster. An
    // arena for values saves 4 % of a step; weights in it would leave holes, and patterns of it make it larger
    options: { graphOptimizationLevel: 'basic', enableMemPattern: false },
    config: { use_device_allocator_for_initializers: '1' },
    attention: 'fused',
    batches: false,
    ownMemory: false,
    halves: false, // done in float32 with casts between: that only costs time
    whole: true,
    needs: () => messages.nothing,
  },
]

export function deviceKind(id: DeviceId): DeviceKind {
  return DEVICES.find((device) => device.id === id)!
}

/** A device that was tried and works. */
export interface Device {
  readonly kind: DeviceKind
  /** It computes in float16. */
  readonly half: boolean
}

/** What is always there. */
export const CPU: Device = { kind: deviceKind('cpu'), half: false }

/** Only errors: warnings are about nodes that run elsewhere, and unused weights. */
const LOG_ERRORS = 3

export interface SessionUse {
  /** Folder that the locations of weights are relative to. */
  readonly root: string
  /** No part may run on the CPU: for tests and probes. */
  readonly strict?: boolean
  /** It runs once, so an arena saves nothing: a VAE at 512x512 takes 1.4 GB at most instead of 1.7. */
  readonly once?: boolean
}

export function sessionOptions(
  { kind }: Device,
  { root, strict = false, once = false }: SessionUse,
): SessionOptions {
  return {
    executionProviders: [kind.provider],
    logSeverityLevel: LOG_ERRORS,
    ...kind.options,
    ...(once && !kind.ownMemory && { enableCpuMemArena: false }),
    extra: {
      session: {
        ...kind.config,
        model_external_initializers_file_folder_path: root,
        ...(strict && kind.id !== 'cpu' && { disable_cpu_ep_fallback: '1' }),
      },
    },
  }
}
