/** The numbers and choices of a merge: from a command line, into a recipe, and back. */
import { usage } from '../errors.ts'
import { alphasOf, type CheckpointMergeOptions, letterOf } from '../model/merge/options.ts'
import { blockWeights, keyWeight } from '../model/merge/weight-text.ts'
import type { JsonValue, Recipe } from '../model/recipe.ts'
import { mergeMethod } from '../tensor/merge/registry.ts'
import type { Arguments } from './command.ts'
import { dtypeChoice } from './model-options.ts'
import { filledText, flag, list, listOrNothing } from './options.ts'
import { recipeArguments } from './recipe-options.ts'

/** @throws USAGE */
export function mergeOptions(args: Arguments): CheckpointMergeOptions {
  const only = filledText(args, 'only') as CheckpointMergeOptions['only']
  const [blocks, betaBlocks] = [
    blockWeights(list(args, 'blocks'), '--blocks'),
    blockWeights(list(args, 'blocks-beta'), '--blocks-beta'),
  ]
  const alpha = list(args, 'alpha').map((text) => number(text, 'alpha'))
  const method = filledText(args, 'method')!
  const single = numberOptions(args, method)
  return {
    method,
    ...single,
    ...(alpha.length === 0 ? {} : { alpha }),
    keys: list(args, 'keys').map(keyWeight),
    dtype: dtypeChoice(args),
    allowMissing: flag(args, 'allowMissing'),
    allowMixed: flag(args, 'allowMixed'),
    ...(only === undefined ? {} : { only }),
    ...(blocks === undefined ? {} : { blocks }),
    ...(betaBlocks === undefined ? {} : { betaBlocks }),
  }
}

/** Numbers that the method does not take would be ignored silently. @throws USAGE */
function numberOptions(
  args: Arguments,
  id: string,
): Pick<CheckpointMergeOptions, 'beta' | 'density' | 'seed'> {
  const method = mergeMethod(id)
  const takes = {
    beta: method.beta !== undefined,
    density: method.density !== undefined,
    seed: method.seeded === true,
  }
  const found: { beta?: number; density?: number; seed?: number } = {}
  for (const name of ['beta', 'density', 'seed'] as const) {
    const text = filledText(args, name)
    if (text === undefined) continue
    if (!takes[name]) throw usage(`${id} has no ${name}`)
    found[name] = number(text, name)
  }
  if (args['blocks-beta'] !== undefined && !takes.beta) throw usage(`${id} has no beta`)
  checkRanges(found)
  return found
}

function checkRanges({ density, seed }: { density?: number; seed?: number }): void {
  if (density !== undefined && !(density > 0 && density <= 1))
    throw usage(`--density ${density}: a share lies between 0 and 1`)
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0 && seed < 2 ** 32))
    throw usage(`--seed ${seed}: a seed is a whole number from 0 to 4294967295`)
}

function number(text: string, option: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value)) throw usage(`--${option} ${text}: this is no number`)
  return value
}

export type VaeChoice = number | 'blend' | { readonly file: string } | undefined

/** `a`, `b` ..., `blend`, or a file. */
export function vaeChoice(args: Arguments, models: number): VaeChoice {
  const text = filledText(args, 'vae')
  if (text === undefined || text === 'blend') return text
  const letter = Array.from({ length: models }, (_, i) => letterOf(i).toLowerCase()).indexOf(
    text.toLowerCase(),
  )
  return letter >= 0 ? letter : { file: text }
}

/** In a recipe, the VAE is that of a file, which is the last of the inputs. */
const VAE_FILE = 'file'

/** With the numbers that were used where none were given: another version may have others. */
export function mergeRecipe(
  args: Arguments,
  models: number,
  options: CheckpointMergeOptions,
): Record<string, JsonValue | undefined> {
  const { alpha, vae } = options
  const method = mergeMethod(options.method)
  return {
    method: method.id,
    alpha: alphasOf(method, models, alpha),
    beta: options.beta ?? method.beta,
    density: options.density ?? method.density,
    seed: method.seeded ? (options.seed ?? 0) : undefined,
    blocks: listOrNothing(list(args, 'blocks')),
    'blocks-beta': listOrNothing(list(args, 'blocks-beta')),
    keys: listOrNothing(list(args, 'keys')),
    vae: typeof vae === 'object' ? VAE_FILE : typeof vae === 'number' ? letterOf(vae).toLowerCase() : vae,
    only: filledText(args, 'only'),
    dtype: listOrNothing(list(args, 'dtype')),
    allowMissing: flag(args, 'allowMissing') || undefined,
    allowMixed: flag(args, 'allowMixed') || undefined,
  }
}

/** Arguments that do again what a recipe says. @throws RECIPE_UNREADABLE */
export function mergeArguments(options: Recipe['options'], paths: readonly string[]): Arguments {
  const again = recipeArguments(options, {
    method: 'text',
    alpha: 'numbers',
    beta: 'number',
    density: 'number',
    seed: 'number',
    blocks: 'texts',
    'blocks-beta': 'texts',
    keys: 'texts',
    vae: 'text',
    only: 'text',
    dtype: 'texts',
    allowMissing: 'flag',
    allowMixed: 'flag',
  })
  const hasFile = again.vae === VAE_FILE
  return { ...again, files: hasFile ? paths.slice(0, -1) : paths, ...(hasFile && { vae: paths.at(-1) }) }
}
