import { info } from '../../model/finding.ts'
import { knownByContent, readableVae, vaeContent } from '../../model/identify/vae-content.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { InputModel, PlanContext } from '../operation.ts'
import { publishedVae } from '../vae-values.ts'
import { messages } from './messages.ts'
import { type BakePlan, mayOverflow, overflowFindings, type SdxlVae } from './plan.ts'

export function coverage({ baked }: BakePlan): Finding {
  const added = baked.filter(({ before }) => before === undefined).length
  return info('vae-coverage', messages.coverage(baked.length - added, added))
}

/** What running the VAE in fp16 would do, where it matters. */
export async function overflow(
  plan: BakePlan,
  base: InputModel,
  vae: InputModel,
  context: PlanContext,
): Promise<Finding[]> {
  return mayOverflow(base, plan) ? overflowFindings(await sdxlVae(vae, context)) : []
}

/** By the hash of its file, or else by its values. */
async function sdxlVae(model: InputModel, context: PlanContext): Promise<SdxlVae> {
  const published = await publishedVae(model, context)
  if (published?.name.includes('fp16-fix')) return 'fixed'
  const vae = readableVae(model.file, context.read)
  const content = vae && (await vaeContent(vae))
  return content && knownByContent(content)?.latents === 'sdxl' ? 'published' : 'unknown'
}
