/** Texts about LoRAs as inputs. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  inFile: (name: string, message: string) => `${name}: ${message}`,
  notLora: (name: string, title: string) => `${name} is not a LoRA: ${title}`,
})
