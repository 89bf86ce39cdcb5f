/** Drawing, seen from a terminal: the device that is taken, and progress. */
import { chooseEngine, drawPictures as draw } from '../../operations/render/draw.ts'
import { startStepProgress } from '../../report/progress/step-progress.ts'
import type { Engine, EngineOptions } from '../../runtime/engine/engine.ts'
import type { RenderedImage, RenderHooks, RenderJob } from '../../runtime/engine/pipeline.ts'
import { escaped } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { CommonOptions } from '../shared/options.ts'
import { messages } from './messages.ts'
import type { RenderOptions } from './options.ts'

/** One line says which device was taken, and why. @throws what `chooseEngine` throws */
export async function engineFor(
  options: Pick<RenderOptions, 'device' | 'precision' | 'quiet' | 'json'>,
  world: World,
): Promise<EngineOptions> {
  const { engine, why } = await chooseEngine(options, world)
  if (!options.quiet && !options.json) world.stderr.write(`sdtool: ${escaped(why)}\n`)
  return engine
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
  { job, engine, networks, label, onImage }: Drawing,
  { quiet, json }: Pick<CommonOptions, 'quiet' | 'json'>,
  world: World,
): Promise<RenderedImage[]> {
  const progress = startStepProgress(world, quiet || json)
  const before = label === undefined ? '' : `${label}  `
  const count = job.images.length
  const onProgress: EngineOptions['onProgress'] = ({ component, stage }) => {
    const what = stage === 'evaluate' ? messages.computingWeights(component) : messages.loading(component)
    progress.stage(`${before}${what}`)
  }
  const onStep: RenderHooks['onStep'] = ({ image, done, total }) =>
    progress.step(done, total, `${before}${messages.imageOf(image + 1, count)}`)
  const hooks = { onStep, ...(onImage && { onImage }) }
  try {
    return await draw({ job, engine: { ...engine, onProgress }, hooks, ...(networks && { networks }) }, world)
  } finally {
    progress.end()
  }
}
