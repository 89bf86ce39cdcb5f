/** What `sdtool render <model>` draws by itself: a face, a place, a thing, a crowd of details. */
import type { Seed } from '../../runtime/random/gaussian.ts'

export interface VerificationShot {
  readonly prompt: string
  readonly negative: string
  readonly seed: Seed
}

const NEGATIVE = 'blurry, low quality, watermark'

/** Fixed, so that sheets of different models and days can be laid beside each other. */
export const VERIFICATION_REQUESTS: readonly VerificationShot[] = [
  {
    prompt: 'portrait of a woman with red hair, green eyes, freckles, soft light',
    negative: NEGATIVE,
    seed: 1n,
  },
  {
    prompt: 'a lighthouse on a cliff above the sea at sunset, detailed landscape',
    negative: NEGATIVE,
    seed: 2n,
  },
  {
    prompt: 'a blue ceramic vase with yellow tulips on a wooden table, still life',
    negative: NEGATIVE,
    seed: 3n,
  },
  { prompt: 'a fox running through a snowy forest, full body', negative: NEGATIVE, seed: 4n },
]
