/** When pictures of a baked model count as those of its recipe. */
import type { Similarity } from '../../image/similarity.ts'

/**
 * Lowest PSNR of a picture that passes. The recipe is drawn with the very bytes that would be written, so a sound file
 * gives the same pictures; bytes rounded elsewhere differ in the last bit. Measured on fixtures/tiny-sd, 8 and 20 steps
 * of Euler, CFG 7: the whole model kept in fp32 instead of fp16 gives 65 to 70 dB, rounded to bf16 53 to 56 dB. A ratio
 * of 0.69 for 0.7 gives 44 dB, of 0.65 30 dB; no LoRA in the text encoder 20 to 26 dB, none in the UNet 16 to 20 dB,
 * another VAE 17 dB.
 */
export const MIN_PSNR = 50

/**
 * Highest PSNR between the base and the recipe for which a pass means something: where the merge changes pictures less
 * than this, a file without it could pass, too.
 */
export const MAX_PSNR_OF_EFFECT = 40

/** `inconclusive`: the pictures agree, but they would also if nothing had been merged. */
export type RenderVerdict = 'passed' | 'failed' | 'inconclusive'

/**
 * @param baked each picture of the file against that of the recipe
 * @param base the same of the base, where the recipe is there to change it
 */
export function renderVerdict(
  baked: readonly Similarity[],
  base: readonly Similarity[] | undefined,
): RenderVerdict {
  if (!baked.every(agrees)) return 'failed'
  return base?.every(({ psnr }) => psnr > MAX_PSNR_OF_EFFECT) ? 'inconclusive' : 'passed'
}

export function agrees({ psnr }: Similarity): boolean {
  return psnr >= MIN_PSNR
}
