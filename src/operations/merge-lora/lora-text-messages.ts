/** Texts about LoRAs as people write them: `name:0.7`, `"<lora:name:0.7>"`, `--ratio`, `--blocks`. */
import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  noLora: 'no LoRA was named',
  baseThenLoras: 'Name the base first, then one or more LoRAs.',
  lbwOf: (lora: string) => `lbw of ${lora}`,
  wrongValueCount: (option: string, values: number, loras: number) =>
    `--${option} has ${values} values for ${loras} LoRAs`,
  oneOrEach: 'Give one for all, or one for each.',
  ratioTwice: (lora: string) => `${lora} has its own ratio, and one in --ratio`,
  blocksTwice: (lora: string) => `${lora} has its own block ratios, and some in --blocks`,
  giveOnce: 'Give it once.',
  notRatio: (where: string, text: string) => `${where}: ${quoted(text)} is not a ratio`,
  ratioHint: 'A ratio is a number such as 0.7 or -1; for UNet and text encoder: 0.7:0.5.',
  notTag: (text: string) => `${text} is not a LoRA tag`,
  tagHint: 'A tag looks like "<lora:name:0.7>".',
  ignoredInTag: (tag: string, parts: readonly string[]) =>
    `${tag}: ${parts.join(', ')} ${parts.length === 1 ? 'is' : 'are'} ignored; of a tag, sdtool uses the name, ratios (te=, unet=), and block ratios (lbw=)`,
  noEffect: (lora: string) => `${lora} has the ratio 0 and changes nothing`,
})
