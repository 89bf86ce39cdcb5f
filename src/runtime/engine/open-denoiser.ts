import type { Model } from '../../model/model.ts'
import type { Architecture } from '../../model/networks/architectures/architecture.ts'
import { sd1 } from '../../model/networks/architectures/sd1.ts'
import { sd2 } from '../../model/networks/architectures/sd2.ts'
import type { UnetConfig } from '../../model/networks/topology/unet.ts'
import { defined } from '../../system/defined.ts'
import { refuse } from '../../system/errors.ts'
import { checkFiniteValues } from '../devices/check-values.ts'
import { type Heads, type UnetPlan, type UnetSize, unetGraph } from '../networks/unet.ts'
import { checkComplete, unetWeights } from '../networks/weights.ts'
import { timestepEmbedding } from '../sampling/timestep.ts'
import { networkSession, type SizedGraph } from '../sessions/network-session.ts'
import { precisionFor } from '../sessions/precision.ts'
import { checkChannels, unetArchitecture } from './drawable.ts'
import type { Denoiser, DenoiserInput, EngineOptions } from './engine.ts'
import { messages } from './messages.ts'

/** @throws COMPONENT_MISSING, NOT_RENDERABLE, COMPONENT_INCOMPLETE (exit 3) */
export async function openDenoiser(model: Model, options: EngineOptions): Promise<Denoiser> {
  const architecture = unetArchitecture(model)
  const component = model.identity.components.find(({ id }) => id === 'unet')
  if (component === undefined) throw refuse('COMPONENT_MISSING', messages.noUnet(model.name))
  checkComplete(model.file, component)
  const { resBlocks } = architecture.network.config
  const { weights, config } = unetWeights(model.file, component, resBlocks)
  checkChannels(model, config.inChannels)
  const plan = { config, heads: headsOf(architecture) }
  const precision = precisionFor(options)
  const wideScores = architecture.id === sd2.id
  const session = networkSession({ title: component.title, weights, precision, wideScores }, options)
  return {
    title: component.title,
    channels: config.inChannels,
    outChannels: config.outChannels,
    contextWidth: config.context,
    ...defined({ vectorWidth: config.adm }),
    async predict(input) {
      const out = new Float32Array(input.n * config.outChannels * input.height * input.width)
      const each = out.length / input.n
      // all at once, or one after the other
      const step = options.device.kind.batches ? input.n : 1
      for (let first = 0; first < input.n; first += step) {
        const part = slice(input, config, first, step)
        const { out: values } = await session.run(sized(plan, part.size, options), part.feeds)
        out.set(values!, first * each)
      }
      checkFiniteValues(out, { title: component.title, precision })
      return out
    },
    close: session.close,
  }
}

const SD1_HEADS: Heads = { count: 8 }
const OTHER_HEADS: Heads = { width: 64 }

function headsOf({ id }: Architecture): Heads {
  return id === sd1.id ? SD1_HEADS : OTHER_HEADS
}

/**
 * Bytes for each value of the widest plane, channels x height x width: measured at 512x512 and 768x768 with SD 1.5.
 * Feed-forward layers are eight times as wide, and all input blocks wait for the way up.
 */
const ACTIVATION_BYTES = 4 * 80

function sized(plan: UnetPlan, size: UnetSize, { device }: EngineOptions): SizedGraph {
  const values = size.batch * size.height * size.width * plan.config.channels
  const scores = device.kind.attention === 'explicit' ? 256e6 : 0
  return {
    key: JSON.stringify(size),
    activationBytes: values * ACTIVATION_BYTES + scores,
    build: (net) => unetGraph(net, plan, size),
  }
}

interface Part {
  readonly size: UnetSize
  readonly feeds: Parameters<ReturnType<typeof networkSession>['run']>[1]
}

/** Pictures [first, first + count) of a batch. */
function slice(input: DenoiserInput, config: UnetConfig, first: number, count: number): Part {
  const { height, width, tokens } = input
  const rows = (values: Float32Array, shape: readonly number[]) => {
    const size = shape.reduce((product, n) => product * n, 1)
    return { data: values.subarray(first * size, (first + count) * size), dims: [count, ...shape] }
  }
  const time = timestepEmbedding(input.timesteps.slice(first, first + count), config.channels)
  return {
    size: { batch: count, height, width, tokens },
    feeds: {
      x: rows(input.x, [config.inChannels, height, width]),
      time: { data: time, dims: [count, config.channels] },
      context: rows(input.context, [tokens, config.context]),
      ...(config.adm !== undefined && { y: rows(input.y!, [config.adm]) }),
    },
  }
}
