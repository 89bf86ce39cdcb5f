/** Texts of resizing LoRAs. */
import { counted } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  noRankedModule: (lora: string) => `${lora}: there is no module with a rank`,
  dependsOnModel: (lora: string, modules: readonly string[], algorithm: string) =>
    `${lora}: what ${counted(modules, 'module')} ${modules.length === 1 ? 'changes' : 'change'} depends on the model (${algorithm})`,
  extractInstead: 'Merge it into its model, and extract a LoRA of the difference.',
  unknownShape: (module: string) => `${module}: the shape of its layer is not known`,
  notFinite: (module: string) => `${quoted(module)} has values that are not finite`,
  seeLoraCheck: 'sdtool lora check lists all such modules.',
})
