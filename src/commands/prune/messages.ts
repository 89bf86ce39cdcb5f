/** Texts of `prune --help`. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  example: 'Only the EMA weights if there are any, without training leftovers',
  exampleHalf: 'The same in half precision: model-emaonly-fp16.safetensors',
  exampleDryRun: 'Show what would go if the live weights were kept, and why',
  exampleDrop: 'Without its VAE',
  ema: 'only: EMA values replace the live ones (default if there are any); drop: live only; keep: both',
  keep: (components: readonly string[]) =>
    `Keep only these components: ${components.join(', ')} ... Repeatable`,
  drop: 'Leave out these components. Repeatable',
  keepSchedule: 'Also keep the usual noise schedule buffers',
})
