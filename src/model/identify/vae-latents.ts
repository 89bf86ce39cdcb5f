/** For whose latents a VAE was made. Its shapes do not say: those of SD 1.x and SDXL, of SD3 and Flux, are the same. */

import type { Identity, VaeLatents } from '../identity.ts'
import { LATENT_SPACES, type LatentSpace, type Latents } from '../networks/architectures/architecture.ts'
import { ARCHITECTURES } from '../networks/architectures/registry.ts'
import { latentFormat } from '../networks/latents.ts'
import { messages } from './messages.ts'
import { type Hints, saidOf, type WithFacts } from './prediction.ts'
import type { VaeInfo } from './vae.ts'

/** Where sdtool writes it down. */
const LATENTS_KEY = 'sdtool.latents'

export function latentsMetadata(latents: VaeLatents | undefined): Record<string, string> {
  return latents === undefined || latents.weak ? {} : { [LATENTS_KEY]: latents.space }
}

/** What the file and its surroundings say; undefined if that is nothing, or if it has no VAE. */
export function findVaeLatents(
  file: WithFacts,
  { architecture, vae, title }: Pick<Identity, 'architecture' | 'vae' | 'title'>,
  hints: Hints,
): VaeLatents | undefined {
  if (vae === undefined) return undefined
  if (vae.space !== undefined) return { space: vae.space, evidence: evidenceOf(vae) }
  const own = latentFormat({ ...(architecture && { architecture }) })
  if (own !== undefined) return { space: own.space, evidence: messages.insideOf(title) }
  return byScale(hints.vaeScale, vae) ?? byMetadata(file) ?? byName(hints, vae)
}

function evidenceOf({ evidence, latentChannels = 0 }: VaeInfo): string {
  return evidence === undefined ? messages.vaeChannelsTell(latentChannels) : messages.vaeKeyTells(evidence)
}

/** All that there are, of architectures and their variants. */
const ALL_LATENTS: readonly Latents[] = ARCHITECTURES.flatMap(({ latent, variants }) => [
  latent,
  ...variants.flatMap((variant) => variant.latent ?? []),
])

/** Configurations are written with all digits. */
const SCALE_TOLERANCE = 1e-4

function byScale(scale: number | undefined, vae: VaeInfo): VaeLatents | undefined {
  if (scale === undefined) return undefined
  const found = ALL_LATENTS.find(
    (latents) =>
      latents.channels === vae.latentChannels &&
      Math.abs(latents.scale - scale) < SCALE_TOLERANCE &&
      isPossible(latents.space, vae),
  )
  return found && { space: found.space, evidence: messages.scalingFactor(scale) }
}

function byMetadata(file: WithFacts): VaeLatents | undefined {
  const said = saidOf(file)
  const own = said(LATENTS_KEY)
  if (own !== undefined && Object.hasOwn(LATENT_SPACES, own))
    return { space: own as LatentSpace, evidence: messages.latentsSay(LATENTS_KEY, own) }
  const id = said('modelspec.architecture') ?? ''
  const [family = ''] = id.split('/')
  const found = ARCHITECTURES.find(({ modelspec }) => modelspec !== undefined && family === modelspec)
  return found && { space: found.latent.space, evidence: messages.architectureSays(id) }
}

/** Words that people put into the names of VAE files, by the number of latent channels. */
const NAMES: readonly (readonly [pattern: RegExp, channels: number, space: LatentSpace])[] = [
  [/sdxl|(?<![a-z])xl(?![a-z])/i, 4, 'sdxl'],
  [/sd[-_ ]?(?:v?1|v?2)[-_. ]?[0-5]|ft-mse|ft-ema|kl-f8|animevae/i, 4, 'sd'],
  [/sd[-_ ]?3/i, 16, 'sd3'],
  [/taew|wan[-_ ]?2|qwen/i, 16, 'wan21'],
  [/taehv|hunyuan/i, 16, 'hunyuan-video'],
  [/flux|taef1|^ae\./i, 16, 'flux'],
]

function byName({ fileName = '', titles = [] }: Hints, vae: VaeInfo): VaeLatents | undefined {
  const named = NAMES.filter(([, count, space]) => count === vae.latentChannels && isPossible(space, vae))
  for (const name of [fileName, ...titles]) {
    const found = named.find(([pattern]) => pattern.test(name))
    if (found) return { space: found[2], evidence: messages.nameSays(name), weak: true }
  }
  return undefined
}

const SPACES = Object.keys(LATENT_SPACES) as LatentSpace[]

/** What its layers leave open: where they are those of no known model, everything. */
function isPossible(space: LatentSpace, vae: VaeInfo): boolean {
  const spaces = possibleSpaces(vae)
  return spaces.length === 0 || spaces.includes(space)
}

/** Whose latents a VAE of these shapes may be for. */
export function possibleSpaces(vae: Identity['vae']): LatentSpace[] {
  const used = ARCHITECTURES.filter(({ id }) => vae?.architectures.includes(id))
  return SPACES.filter((space) => used.some(({ latent }) => latent.space === space))
}

/** The same for people. */
export function spacesOf(vae: Identity['vae']): string[] {
  return possibleSpaces(vae).map((space) => LATENT_SPACES[space])
}

/** How a VAE goes with a model. */
export type LatentsFit =
  /** Nothing says for which of several it is, or for which the model. */
  | { readonly fit: 'unknown' }
  | { readonly fit: 'same' }
  /** A sentence that says what does not go together. */
  | { readonly fit: 'probably-other' | 'other'; readonly message: string }

/**
 * Holds the latents of a VAE against those of the model it is for.
 * @param base the model, by the name that people know
 */
export function latentsFit(
  base: { readonly name: string; readonly identity: Identity },
  vae: { readonly name: string; readonly latents?: VaeLatents | undefined },
): LatentsFit {
  const wanted = latentFormat(base.identity)
  const { latents } = vae
  if (wanted === undefined || latents === undefined) return { fit: 'unknown' }
  if (latents.space === wanted.space) return { fit: 'same' }
  const [own, other] = [scaleText(wanted.space, wanted), scaleText(latents.space)]
  return {
    fit: latents.weak ? 'probably-other' : 'other',
    message: latents.weak
      ? messages.maybeOtherLatents(vae.name, other, latents.evidence, base.name, own)
      : messages.otherLatents(vae.name, other, latents.evidence, base.name, own),
  }
}

/** "Stable Diffusion XL (scale 0.13025)". */
function scaleText(space: LatentSpace, latents = ALL_LATENTS.find((one) => one.space === space)): string {
  return messages.latentsOf(LATENT_SPACES[space], latents?.scale)
}
