/** The prompts of a picture: which texts they are, at which calls of the denoiser, and how much each counts. */

import { composedPrompts } from '../prompt/composition.ts'
import { promptSchedule, type Timed } from '../prompt/prompt-schedule.ts'
import type { Sampler } from '../sampling/sampler.ts'
import { type Conditioning, zeroed } from './conditioning.ts'

/** Of texts, and once they are encoded of what they became. */
export interface Steering<T> {
  readonly prompts: readonly { readonly weight: number; readonly timed: readonly Timed<T>[] }[]
  /** Undefined without guidance. */
  readonly negative?: readonly Timed<T>[]
}

export interface SteeringSettings {
  readonly cfg: number
  readonly steps: number
  readonly sampler: Pick<Sampler, 'calls'>
}

/** As A1111 reads prompts: steps are calls of the model, of which some samplers have two in each step. */
export function steeringOf(
  { prompt, negative }: { readonly prompt: string; readonly negative: string },
  { cfg, steps, sampler }: SteeringSettings,
): Steering<string> {
  const calls = steps * sampler.calls
  const prompts = composedPrompts(prompt).map(({ text, weight }) => ({
    weight,
    timed: promptSchedule(text, calls),
  }))
  const isPlain = cfg === 1 && prompts.length === 1 && prompts[0]!.weight === 1
  return { prompts, ...(!isPlain && { negative: promptSchedule(negative, calls) }) }
}

export function textsOf({ prompts, negative = [] }: Steering<string>): string[] {
  return [...prompts.flatMap(({ timed }) => timed), ...negative].map(({ value }) => value)
}

/** An empty negative prompt is zeros where the model has a pooled text (SDXL). */
export function encodedSteering(
  { prompts, negative }: Steering<string>,
  of: (text: string) => Conditioning,
): Steering<Conditioning> {
  const encoded = (timed: readonly Timed<string>[]) =>
    timed.map(({ until, value }) => ({ until, value: of(value) }))
  const isEmpty = negative?.every(({ value }) => value === '') ?? false
  const empty = negative && encoded(negative)
  const zeros = (timed: Timed<Conditioning>) => {
    return timed.value.pooled ? { ...timed, value: zeroed(timed.value) } : timed
  }
  return {
    prompts: prompts.map(({ weight, timed }) => ({ weight, timed: encoded(timed) })),
    ...(empty && { negative: isEmpty ? empty.map(zeros) : empty }),
  }
}
