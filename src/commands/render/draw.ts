import type { CommonOptions } from '../shared/options.ts'
/** Drawing with one model, seen from a terminal: the device that is taken, and progress. */

import { startStepProgress } from '../../report/progress/step-progress.ts'
import { thisMachine } from '../../runtime/devices/choose-device.ts'
import type { Engine, EngineOptions } from '../../runtime/engine/engine.ts'
import {
  type RenderedImage,
  type RenderHooks,
  type RenderJob,
  renderImages,
} from '../../runtime/engine/pipeline.ts'
import { onnxEngine } from '../../runtime/sessions/onnx-engine.ts'
import { findOnnxRuntime } from '../../runtime/sessions/onnxruntime.ts'
import { escaped, SdtoolError } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import { knownDevice, openDeviceCache } from '../shared/device-cache.ts'
import type { RenderOptions } from './options.ts'

/**
 * Where the networks of a run are computed; one line says what was taken, and why.
 * @throws DEVICE_UNAVAILABLE, and what `findOnnxRuntime` throws, before anything is computed
 */
export async function engineFor(
  options: Pick<RenderOptions, 'device' | 'precision' | 'quiet' | 'json'>,
  world: World,
): Promise<EngineOptions> {
  const sessionWorld = { ...(world.sessions && { sessions: world.sessions }), signal: world.signal }
  findOnnxRuntime()
  const { device, why } = await knownDevice(options.device, thisMachine(sessionWorld), world)
  if (!options.quiet && !options.json) world.stderr.write(`sdtool: ${escaped(why)}\n`)
  return {
    ...sessionWorld,
    device,
    threads: world.threads,
    ...(world.matmul && { matmul: world.matmul }),
    ...(options.precision && { precision: options.precision }),
  }
}

export interface Drawing {
  readonly job: RenderJob
  readonly engine: EngineOptions
  /** Those of onnxruntime, each for this job only, if absent. */
  readonly networks?: Engine
  /** In front of the progress, where several models draw one after the other. */
  readonly label?: string
  readonly onImage?: RenderHooks['onImage']
}

/** Draws the pictures of a job; a line on stderr shows how far it is. */
export async function drawPictures(
  { job, engine, networks = onnxEngine, label, onImage }: Drawing,
  { quiet, json }: Pick<CommonOptions, 'quiet' | 'json'>,
  world: World,
): Promise<RenderedImage[]> {
  const progress = startStepProgress(world, quiet || json)
  const before = label === undefined ? '' : `${label}  `
  const count = job.images.length
  const loading: EngineOptions['onProgress'] = ({ component, stage }) => {
    const what = stage === 'evaluate' ? 'computing weights of' : 'loading'
    progress.stage(`${before}${what} the ${component}`)
  }
  try {
    return await renderImages(
      job,
      networks,
      { ...engine, onProgress: loading },
      {
        onStep: ({ image, done, total }) =>
          progress.step(done, total, `${before}picture ${image + 1} of ${count}`),
        ...(onImage && { onImage }),
      },
    )
  } catch (error) {
    if (engine.device.kind.id !== 'cpu' && isDeviceFailure(error))
      await (await openDeviceCache(world)).forget()
    throw error
  } finally {
    progress.end()
  }
}

/** It worked when it was tried, so it must be tried again. */
function isDeviceFailure(error: unknown): boolean {
  return error instanceof SdtoolError && ['SESSION_FAILED', 'SESSION_ENDED'].includes(error.code)
}
