import { basename } from 'node:path'
import { baseById } from '../../model/adapters/base.ts'
import { stemOf } from '../../model/file-name.ts'
import { FACTOR_DTYPES, factorTypeName } from '../../model/lora/factors.ts'
import { rankMetadata } from '../../model/lora/metadata.ts'
import { usage } from '../../system/errors.ts'
import { loraOf } from '../lora/lora-file.ts'
import type { LoraRatio } from '../merge-lora/plan-options.ts'
import type { InputModel, Operation } from '../operation.ts'
import type { DerivedMetadata } from '../output/metadata.ts'
import { mergedName } from '../output/name.ts'
import type { Plan } from '../plan.ts'
import { messages } from './messages.ts'
import { mergedMetadata } from './metadata.ts'
import { type LoraMergeOptions, loraMergeOptions } from './options.ts'
import { type LoraMerge, type LoraToMerge, mergeLoras } from './plan.ts'
import { mergedPrediction } from './prediction.ts'

export interface LoraMergePlan extends Plan, Pick<LoraMerge, 'modules' | 'dtype'> {
  readonly loras: readonly LoraToMerge[]
  /** What the LoRAs say of their training, put together. */
  readonly training: Readonly<Record<string, string>>
}

/** LoRAs put together into one whose effect is the sum of theirs. */
export const loraMerge: Operation<LoraMergeOptions, LoraMergePlan> = {
  verb: 'lora merge',
  schema: loraMergeOptions,
  verify: false,
  picture: 'other',
  standsAlone: true,
  async plan(inputs, { ratios, dtype }, { read }) {
    checkRatios(inputs, ratios)
    const loras = inputs.map((input, i) => ({ file: loraOf(input, read), ratio: ratios[i]! }))
    const { findings, ...merge } = await mergeLoras(loras, dtype && FACTOR_DTYPES[dtype])
    const training = mergedMetadata(
      inputs.map(({ name, file: { metadata } }) => ({ name: stemOf(basename(name)), metadata })),
    )
    const predictions = mergedPrediction(loras.map(({ file }) => file))
    return {
      ...merge,
      steps: [],
      findings: [...findings, ...predictions.findings, ...training.findings],
      sum: true,
      loras,
      training: { ...training.metadata, ...predictions.metadata },
    }
  },
  decided: (options, { dtype }) => ({ ...options, dtype: factorTypeName(dtype) }),
  outputName(plan) {
    const [first, ...others] = plan.loras.map(nameWithRatio)
    return mergedName(first!, others, plan)
  },
  metadata: (plan, _inputs, _options, title) => ownMetadata(plan, title),
}

/** @throws USAGE (exit 2) */
function checkRatios({ length }: readonly InputModel[], ratios: readonly LoraRatio[]): void {
  if (ratios.length === length) return
  throw usage(messages.wrongRatioCount(ratios.length, length), messages.oneRatioEach)
}

function nameWithRatio({ file: { name }, ratio: { unet, text } }: LoraToMerge): string {
  const ratio = unet === 1 && text === 1 ? '' : unet === text ? `-${unet}` : `-${unet}-te${text}`
  return stemOf(basename(name)) + ratio
}

function ownMetadata({ modules, loras, training }: LoraMergePlan, title: string): DerivedMetadata {
  const base = loras.find(({ file }) => file.adapter.base.architecture !== undefined)?.file.adapter.base
  const family = base?.architecture && baseById(base.architecture).modelspec
  return {
    own: { ...training, ...numbersOf(modules), ss_output_name: title },
    facts: {
      mergedFrom: loras.map(({ file }) => stemOf(basename(file.name))).join(', '),
      ...(family === undefined ? {} : { architecture: `${family}/lora` }),
    },
  }
}

function numbersOf(modules: LoraMergePlan['modules']): Record<string, string> {
  const ranks = modules.map(({ rank }) => rank)
  const alphas = new Set(modules.map(({ alpha }) => alpha))
  const [alpha] = alphas
  return alphas.size === 1 && alpha !== undefined
    ? rankMetadata({ ranks, alpha })
    : { ...rankMetadata({ ranks }), ss_network_alpha: 'Dynamic' }
}
