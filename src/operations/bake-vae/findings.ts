import { type BakePlan, mayOverflow, overflowFindings, type SdxlVae } from '../../model/bake-vae.ts'
import { info } from '../../model/finding.ts'
import { knownVaesByAutoV1 } from '../../model/hashes-known.ts'
import { knownVae, readableVae, vaeContent } from '../../model/vae-content.ts'
import { plural } from '../../report/text.ts'
import type { Finding } from '../../tensor/table.ts'
import type { InputModel, PlanContext } from '../operation.ts'

export function coverage({ baked }: BakePlan): Finding {
  const added = baked.filter(({ before }) => before === undefined).length
  const message = `all ${plural(baked.length, 'tensor')} of the VAE are baked in: ${baked.length - added} replaced, ${added} added`
  return info('vae-coverage', message)
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

/** By its values, or else by the 64 KiB that A1111's first hash is made of. */
async function sdxlVae({ name, file }: InputModel, { read, hash }: PlanContext): Promise<SdxlVae> {
  const { autoV1 = '' } = (await hash?.(name, ['autoV1'])) ?? {}
  const names = knownVaesByAutoV1(autoV1, file.file.size).map((known) => known.name)
  if (names.some((known) => known.includes('fp16-fix'))) return 'fixed'
  const vae = readableVae(file, read)
  const content = vae && (await vaeContent(vae))
  return content && knownVae(content).some(({ message }) => message.includes('SDXL'))
    ? 'published'
    : 'unknown'
}
