/** Drawing with one model: the device that is taken, and the networks on it. */
import { thisMachine } from '../../runtime/devices/choose-device.ts'
import type { DeviceId } from '../../runtime/devices/devices.ts'
import type { Engine, EngineOptions, NetworkPrecision } from '../../runtime/engine/engine.ts'
import {
  type RenderedImage,
  type RenderHooks,
  type RenderJob,
  renderImages,
} from '../../runtime/engine/pipeline.ts'
import { onnxEngine } from '../../runtime/sessions/onnx-engine.ts'
import { findOnnxRuntime } from '../../runtime/sessions/onnxruntime.ts'
import { SdtoolError } from '../../system/errors.ts'
import type { Environment } from '../../system/world.ts'
import { knownDevice, openDeviceCache } from './device-cache.ts'

export interface EngineWishes {
  readonly device: DeviceId | 'auto'
  /** What suits the device, if absent. */
  readonly precision?: NetworkPrecision
}

export interface ChosenEngine {
  readonly engine: EngineOptions
  /** Which device was taken, and why; a line for a person. */
  readonly why: string
}

/**
 * Where the networks of a run are computed.
 * @throws DEVICE_UNAVAILABLE (exit 1), and what `findOnnxRuntime` throws, before anything is computed
 */
export async function chooseEngine(wishes: EngineWishes, environment: Environment): Promise<ChosenEngine> {
  const { sessions, signal, threads, matmul } = environment
  const place = { ...(sessions && { sessions }), signal }
  findOnnxRuntime()
  const { device, why } = await knownDevice(wishes.device, thisMachine(place), environment)
  const { precision } = wishes
  return {
    engine: { ...place, device, threads, ...(matmul && { matmul }), ...(precision && { precision }) },
    why,
  }
}

export interface Drawing {
  readonly job: RenderJob
  readonly engine: EngineOptions
  /** Those of onnxruntime, each for this job only, if absent. */
  readonly networks?: Engine
  readonly hooks: RenderHooks
}

/** Draws the pictures of a job. @throws what `renderImages` throws */
export async function drawPictures(
  { job, engine, networks = onnxEngine, hooks }: Drawing,
  environment: Environment,
): Promise<RenderedImage[]> {
  try {
    return await renderImages(job, networks, engine, hooks)
  } catch (error) {
    if (engine.device.kind.id !== 'cpu' && isDeviceFailure(error))
      await (await openDeviceCache(environment)).forget()
    throw error
  }
}

/** It worked when it was tried, so it must be tried again. */
function isDeviceFailure(error: unknown): boolean {
  return error instanceof SdtoolError && ['SESSION_FAILED', 'SESSION_ENDED'].includes(error.code)
}
