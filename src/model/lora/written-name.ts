/** The names of modules that tools make anew: sums, other ranks. */
import { defined } from '../../system/defined.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { kohyaName, type PlacedLora } from './modules.ts'

/** What a module is called that is made anew: as kohya's tools call it, or as it is if no program reads it under their name. */
export function writtenName(one: PlacedLora): string {
  return one.keepsName ? one.module.prefix + one.module.path : kohyaName(one)
}

/** Whether the module goes by a name under which programs find no alpha: its strength is 1. */
export function isWithoutAlpha({ keepsName, module: { parts } }: PlacedLora): boolean {
  return keepsName === true && !parts.has('alpha') && !parts.has('scale')
}

const PEFT_SUFFIXES: ReadonlyMap<string, string> = new Map([
  ['lora_down.weight', 'lora_A.weight'],
  ['lora_up.weight', 'lora_B.weight'],
])

/**
 * Tensors of a module that was made under `writtenName`: with the factors as PEFT calls them where the steps of the name
 * are joined by dots, and without an alpha that says nothing there.
 * @param tensors with the suffixes of kohya
 * @param strength alpha / rank
 */
export function writtenTensors(one: PlacedLora, tensors: readonly Tensor[], strength: number): Tensor[] {
  const name = writtenName(one)
  const isStrengthOne = strength === 1 && isWithoutAlpha(one)
  const isPeft = one.keepsName === true && name.includes('.')
  return tensors.flatMap((tensor) => {
    const suffix = tensor.name.slice(name.length + 1)
    if (suffix === 'alpha' && isStrengthOne) return []
    const own = isPeft ? PEFT_SUFFIXES.get(suffix) : undefined
    return [{ ...tensor, ...defined({ name: own && `${name}.${own}` }) }]
  })
}
