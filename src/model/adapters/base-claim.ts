/** The family that the metadata of an adapter name. */
import { quoted } from '../../system/text.ts'
import type { BaseId } from './base.ts'

const CLAIM_KEYS = ['ss_base_model_version', 'modelspec.architecture'] as const

/**
 * What trainers write; the first pattern that matches counts. Sources: kohya `sai_model_spec.py`, `train_util.py`;
 * musubi-tuner `architectures.py`, `sai_model_spec.py`; ai-toolkit `metadata.py`.
 */
const CLAIMS: readonly { pattern: RegExp; base: BaseId }[] = [
  { pattern: /^sdxl_|^stable-diffusion-xl(?!.*refiner)/, base: 'sdxl' },
  { pattern: /^stable-diffusion-xl-v1-refiner/, base: 'sdxl-refiner' },
  { pattern: /^sd_(?:v1|1\.)|^stable-diffusion-v1(?![\w.])/, base: 'sd1' },
  { pattern: /^sd_(?:v2|2\.)|^stable-diffusion-v2(?![\w.])/, base: 'sd2' },
  { pattern: /^sd3|^stable-diffusion-v?3/, base: 'sd3' },
  { pattern: /^flux[-_.]?2/i, base: 'flux-2' },
  { pattern: /^flux/i, base: 'flux' },
  { pattern: /^chroma/i, base: 'chroma' },
  { pattern: /^z[-_]?image/i, base: 'z-image' },
  { pattern: /^lumina[-_]?2/i, base: 'lumina-2' },
  { pattern: /^qwen[-_]?image[-_]?2\.1/i, base: 'qwen-image-2.1' },
  { pattern: /^qwen[-_]?image/i, base: 'qwen-image' },
  { pattern: /^wan/i, base: 'wan' },
  { pattern: /^hunyuan[-_]?video[-_]1[-_.]5/i, base: 'hunyuan-video-1.5' },
  { pattern: /^hunyuan[-_]?video|^framepack/i, base: 'hunyuan-video' },
  { pattern: /^hunyuan[-_]?image/i, base: 'hunyuan-image-2.1' },
  { pattern: /^hidream[-_]i1/i, base: 'hidream-i1' },
  { pattern: /^anima(?!te)/i, base: 'anima' },
  { pattern: /^krea[-_]?2/i, base: 'krea-2' },
  { pattern: /^kandinsky[-_]?5/i, base: 'kandinsky-5' },
  { pattern: /^ideogram[-_]?4/i, base: 'ideogram-4' },
]

/** Trainers for SDXL always write ss_base_model_version, so only older files for SD 1.x and 2.x have this alone. */
const OLD_CLAIMS: Readonly<Record<string, BaseId>> = { True: 'sd2', False: 'sd1' }

export interface Claim {
  readonly base: BaseId
  /** `ss_base_model_version="sd_v1"`. */
  readonly source: string
}

/** The family the metadata names; undefined if it names none we know. */
export function baseByMetadata(metadata: Readonly<Record<string, string>>): Claim | undefined {
  const stated = (key: string) => (Object.hasOwn(metadata, key) ? metadata[key] : undefined)
  for (const key of CLAIM_KEYS) {
    const value = stated(key)
    const claim = value === undefined ? undefined : CLAIMS.find(({ pattern }) => pattern.test(value))
    if (claim !== undefined) return { base: claim.base, source: `${key}=${quoted(value!)}` }
  }
  const old = stated('ss_v2')
  const base = old === undefined ? undefined : OLD_CLAIMS[old]
  return base === undefined ? undefined : { base, source: `ss_v2=${quoted(old!)}` }
}
