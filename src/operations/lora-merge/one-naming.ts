/** Names of one kind for LoRAs that are put together. */
import { describeAdapter } from '../../model/adapters/describe.ts'
import { type LoraFile, placedModules } from '../../model/lora/modules.ts'
import { planLoraConvert } from '../lora-convert/plan.ts'

/**
 * Of LoRAs of which some have names of diffusers and some those of the authors of a model: all with the latter, as layers
 * that one keeps in parts or turned round are others there. Those that all have one kind of names stay as they are.
 * @throws LORA_BASE_UNKNOWN, LORA_NO_NAME (exit 3), and what `soundModules` throws
 */
export async function inOneNaming(loras: readonly LoraFile[]): Promise<readonly LoraFile[]> {
  const kinds = await Promise.all(loras.map(namesOf))
  if (!kinds.includes('diffusers') || !kinds.includes('authors')) return loras
  return Promise.all(loras.map((file, i) => (kinds[i] === 'diffusers' ? withFlatNames(file) : file)))
}

/** Undefined where the LoRA is for text encoders alone. */
async function namesOf(file: LoraFile): Promise<'diffusers' | 'authors' | undefined> {
  const placed = (await placedModules(file)).filter(({ module }) => module.target === 'unet')
  if (placed.length === 0) return undefined
  return placed.some(({ keepsName }) => keepsName) ? 'diffusers' : 'authors'
}

async function withFlatNames(file: LoraFile): Promise<LoraFile> {
  const { table } = await planLoraConvert(file, { to: 'kohya' })
  const described = describeAdapter(table) ?? file.adapter
  return { ...file, table, adapter: { ...described, base: file.adapter.base } }
}
