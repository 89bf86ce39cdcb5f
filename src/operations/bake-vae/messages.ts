/** Texts of putting a VAE into a checkpoint. */
import { counted } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'
import { quoted } from '../../system/text.ts'

type Shape = readonly number[]

export const messages = catalogue({
  wrongCount: 'a checkpoint and a VAE are needed',
  wrongCountHint: 'sdtool bake-vae model.safetensors vae.safetensors',
  sameVae: (checkpoint: string, vae: string) =>
    `${checkpoint} already has the VAE of ${vae}, value for value`,
  coverage(replaced: number, added: number) {
    return `all ${plural(replaced + added, 'tensor')} of the VAE are baked in: ${replaced} replaced, ${added} added`
  },

  notACheckpoint: (name: string, title: string) =>
    `${name} is not a checkpoint that a VAE can be baked into: ${title}`,
  noPlaceForVae: (name: string, title: string) =>
    `${name} is not a checkpoint that a VAE can be baked into: ${title}, whose keys leave no place for a VAE`,
  checkpointFirst: 'The checkpoint comes first: sdtool bake-vae model vae.',
  noVae: (name: string, title: string) => `${name} has no VAE that can be baked in: ${title}`,
  incomplete: (name: string, expected: number, wrong: readonly string[]) =>
    `${name} has ${expected - wrong.length} of the ${expected} tensors of a VAE; ${counted(wrong, 'tensor')} missing or misshapen`,
  downloadAgain: 'Download it again, or take the VAE of a complete checkpoint.',
  lacks: (name: string, tensors: readonly string[], checkpoint: string) =>
    `${name} lacks ${counted(tensors, 'tensor')} that ${checkpoint} has`,
  vaeWithDownscale: (title: string, downscale: number | undefined) =>
    `${title} with ${downscale ?? '?'} pixels per latent`,
  needsSame: (vae: string, found: string, base: string, wanted: string) =>
    `${vae} is a ${found}; ${base} needs a ${wanted}`,
  needsThatOf: (vae: string, found: string, base: string, architecture: string) =>
    `${vae} is a ${found}; ${base} needs the VAE of ${architecture}`,
  otherLatents: 'It has the same shapes, but other numbers: every picture would be noise.',
  latentsUnknown: (vae: string, spaces: readonly string[]) =>
    `nothing says whether ${vae} is for ${spaces.join(' or ')}: their VAEs have the same shapes`,
  otherNames: (vae: string, checkpoint: string, layout: string) =>
    layout === 'diffusers'
      ? `${vae} has the names of diffusers, ${checkpoint} those of its authors`
      : `${vae} has the names of its authors, ${checkpoint} those of diffusers`,
  sameNames: 'sdtool cannot rename the layers of this autoencoder: take a file of it with the same names.',
  unchecked: (vae: string) =>
    `sdtool does not know all keys of such an autoencoder: whether ${vae} is complete is not checked`,
  misfit: (vae: string, tensor: string, shape: Shape, place: Shape) =>
    `${vae}: ${quoted(tensor)} is [${shape.join(', ')}], its place in the checkpoint [${place.join(', ')}]`,

  from: (vae: string) => `from ${vae}`,
  fromAs: (vae: string, dtype: string) => `from ${vae}, as ${dtype}`,
  oldVaeLeftovers: 'training leftovers of the VAE that is replaced',

  fp16Safe: 'this VAE was made to run in fp16',
  fp16Overflow:
    'the VAE of SDXL overflows when it runs in fp16, and pictures turn black: use --dtype fp32 or bf16, or sdxl-vae-fp16-fix',
  fp16Unknown:
    'most VAEs for SDXL overflow when they run in fp16; if pictures turn black, use --dtype fp32 or bf16, or sdxl-vae-fp16-fix',
})
