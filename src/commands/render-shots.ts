/** What a run of `sdtool render` draws: the model, the prompts, the seeds, the size. */
import { randomBytes } from 'node:crypto'
import { usage } from '../errors.ts'
import type { Io } from '../report/io.ts'
import type { RenderModel } from '../runtime/engine.ts'
import type { ImageRequest, RenderSettings } from '../runtime/pipeline.ts'
import { composedPrompts } from '../runtime/text/composition.ts'
import type { Arguments } from './command.ts'
import { splitLoraTags } from './lora-arguments.ts'
import { namedFiles } from './options.ts'
import type { RenderOptions } from './render-options.ts'
import { VERIFICATION_SHOTS } from './render-prompts.ts'

export interface Shots {
  /** Prompts without tags. */
  readonly requests: readonly ImageRequest[]
  /** As they were given, for the text in the pictures. */
  readonly prompts: readonly string[]
  readonly tags: readonly string[]
}

/** @throws USAGE for a LoRA in a negative prompt, where it would do nothing */
export function shots({ prompt, negative, seed, count }: RenderOptions): Shots {
  if (prompt === undefined) {
    if (negative !== '')
      throw usage('--negative needs a --prompt', 'The verification prompts have their own.')
    return { requests: VERIFICATION_SHOTS, prompts: VERIFICATION_SHOTS.map((shot) => shot.prompt), tags: [] }
  }
  if (splitLoraTags(negative).tags.length > 0)
    throw usage('a LoRA in the negative prompt does nothing', 'Name it in the prompt, or with --lora.')
  const { prompt: text, tags } = splitLoraTags(prompt)
  const first = seed ?? BigInt(randomBytes(4).readUInt32LE())
  const requests = Array.from({ length: count }, (_, i) => ({
    prompt: text,
    negative,
    seed: first + BigInt(i),
  }))
  return { requests, prompts: requests.map(() => prompt), tags }
}

/** A picture of 16:9 gets another guidance than was meant, in A1111, too; there nobody is told. */
export function warnOfWeights(requests: readonly ImageRequest[], { quiet }: RenderOptions, io: Io): void {
  const weights = requests.flatMap(({ prompt }) => {
    const [only, other] = composedPrompts(prompt)
    return other === undefined && only!.weight !== 1 ? [only!.weight] : []
  })
  for (const weight of quiet ? [] : new Set(weights)) {
    const hint = 'if it is meant as text, put a comma behind it'
    io.stderr.write(`sdtool: the prompt ends in a number, its weight, as in A1111: ${weight}; ${hint}\n`)
  }
}

const USUAL_SIDE = 512

export function settingsFor(
  { identity }: RenderModel,
  { settings, size }: Pick<RenderOptions, 'settings' | 'size'>,
): RenderSettings {
  const side = identity.architecture?.resolution ?? USUAL_SIDE
  return { ...settings, ...(size ?? { width: side, height: side }) }
}

/** @throws USAGE */
export function modelName(args: Arguments): string {
  const [model, ...others] = [args.model, ...namedFiles(args)]
    .filter((name) => name !== undefined)
    .map(String)
  if (model === undefined || model === '')
    throw usage('no model was named', 'Name a checkpoint: sdtool render model.safetensors')
  if (others.length > 0)
    throw usage(`several models were named: ${model}, ${others.join(', ')}`, 'Draw one after the other.')
  return model
}
