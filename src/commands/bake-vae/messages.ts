/** Texts of `bake-vae`: help and wrong usage. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  example: 'Write model-vae-ft-mse.safetensors',
  exampleCheckpoint: 'The VAE of another checkpoint, in full precision',
  exampleDryRun: 'Show what would be replaced; nothing is written',
  model: 'Checkpoint',
  vae: 'VAE file, or a checkpoint whose VAE is taken',
  dtype: (types: readonly string[]) => `Type of the VAE: ${types.join(', ')} (keep: that of its file)`,
  dtypeDefault: 'that of the VAE it replaces',
  verify: 'Read back and compare every tensor; --no-verify skips it',
})
