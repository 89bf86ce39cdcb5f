/** Texts about LoRAs as inputs. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  notLora: (name: string, title: string) => `${name} is not a LoRA: ${title}`,
})
