/** Texts of `join`: help and wrong usage. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  example: 'One file of a Flux.1 and its parts, as checkpoints are loaded',
  exampleOne: 'An encoder alone: the VAE stays in its own file',
  exampleTypes: 'The transformer in fp8, the rest as it is',
  model: 'File with the UNet or diffusion transformer',
  text: 'Text encoder; once for each, or a file with several',
  vae: 'VAE, or a checkpoint whose VAE is taken',
  dtype: (types: readonly string[]) =>
    `Type of all weights (${types.join(', ')}), or of a component: --dtype unet=fp16. Repeatable`,
  verify: 'Read back and compare every tensor; --no-verify skips it',
  noModel: 'no model was named',
  oneModel: 'only the file with the UNet or transformer stands without an option',
  nameModel: 'For example: sdtool join flux1-dev.safetensors --text t5xxl.safetensors --vae ae.safetensors',
})
