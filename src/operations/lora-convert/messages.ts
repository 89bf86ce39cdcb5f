/** Texts of LoRAs under other names. */
import { counted } from '../../model/finding.ts'
import type { Obstacle } from '../../model/lora/naming/rename.ts'
import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  unknownBase: (lora: string) =>
    `${lora}: the model it is for is not known, so other names of its layers are not known either`,
  seeCheck: 'sdtool lora check shows what is known of it.',
  refused: (lora: string, modules: readonly string[], obstacle: Obstacle, naming: string, kind: string) => {
    const why: Readonly<Record<Obstacle, string>> = {
      'no-layer': 'no layer of the model it is for has these names and shapes',
      'no-name': `${naming} has no name for these layers`,
      'no-network': `${naming} has no name for this network`,
      'not-read': `programs that read the names of ${naming} do not read ${kind}`,
      'mixes-outputs': `${naming} keeps the layer in parts, and a ${kind} mixes its outputs`,
      'not-plain': `${naming} keeps the layer as one, and only plain LoRAs can be put together exactly, not ${kind}`,
    }
    return `${lora}: ${counted(modules, 'module')} cannot be converted: ${why[obstacle]}`
  },
  resizeFirst:
    'sdtool lora resize makes a plain LoRA of LoHa and LoKr; merge-lora bakes every kind as it is.',
  severalNetworks: (networks: readonly string[]) =>
    `PEFT has a file for each network, and this LoRA is for ${networks.join(', ')}`,
  sameNames: (naming: string) => `all names are those of ${naming} already`,
  converted: (modules: number, naming: string, split: number, fused: number) => {
    const parts = split > 0 ? [`${split} taken apart`] : []
    if (fused > 0) parts.push(`${fused} put together`)
    const how = parts.length === 0 ? '' : ` (${parts.join(', ')})`
    return `${plural(modules, 'module')} with the names of ${naming}${how}`
  },
  mixedDora:
    'only some of its modules have magnitudes (DoRA), and a configuration of PEFT is for all of them',
  cannotReplace: (path: string) => `${quoted(path)} is not a folder of PEFT`,
})
