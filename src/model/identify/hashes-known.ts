import type { Finding } from '../../tensor/values/table.ts'
import { info } from '../finding.ts'
import type { LatentSpace } from '../networks/architectures/architecture.ts'
import { messages } from './messages.ts'

/** A published file, by its hashes. Lower-case hex; `autoV1` has 8 digits. */
export interface PublishedFile {
  readonly name: string
  readonly sha256?: string
  /** The first hash A1111 used, of 64 KiB at 1 MiB: different files may share it. */
  readonly autoV1?: string
  readonly bytes?: number
}

export interface KnownVae extends PublishedFile {
  readonly latents: LatentSpace
}

/**
 * Published VAEs by the hash of the whole file; saved in another container or type a VAE has another one, see
 * `vae-content.ts`. Each name and hash stands in at least two public lists that were made independently of each
 * other: download scripts that check them, model lists of programs (SwarmUI, nixified-ai, darkshapes' MIR), answers of
 * Civitai, links into the storage of Hugging Face. What only one list has was left out: of three such entries two were
 * no VAEs at all.
 */
export const KNOWN_VAES: readonly KnownVae[] = [
  {
    name: 'vae-ft-mse-840000-ema-pruned.safetensors',
    latents: 'sd',
    sha256: '735e4c3a447a3255760d7f86845f09f937809baa529c17370d83e4c3758f3c75',
    bytes: 334_641_190,
  },
  {
    name: 'vae-ft-mse-840000-ema-pruned.ckpt',
    latents: 'sd',
    sha256: 'c6a580b13a5bc05a5e16e4dbb80608ff2ec251a162311590c1f34c013d7f3dab',
    autoV1: '223531c6',
  },
  {
    name: 'vae-ft-ema-560000-ema-pruned.ckpt',
    latents: 'sd',
    sha256: '0b204ad0cae549e0a7e298d803d57e36363760dec71c63109c1da3e1147ec520',
  },
  {
    name: 'animevae.pt (NovelAI, Anything V3)',
    latents: 'sd',
    sha256: 'f921fb3f29891d2a77a6571e56b8b5052420d2884129517a333c60b1b4816cdf',
    autoV1: 'f458b5c6',
  },
  {
    name: 'kl-f8-anime2.ckpt',
    latents: 'sd',
    sha256: 'df3c506e51b7ee1d7b5a6a2bb7142d47d488743c96aa778afb0f53a2cdc2d38d',
    autoV1: '9f45927e',
    bytes: 404_662_241,
  },
  {
    name: 'ClearVAE',
    latents: 'sd',
    sha256: '600345c503784cd77536d714f0e4c43f9e1fa4379007e730d54c454c66ee36db',
  },
  {
    name: 'the VAE of Stable Diffusion 1.5 (diffusers)',
    latents: 'sd',
    sha256: 'a2b5134f4dbc140d9c11f11cba3233099e00af40f262f136c691fb7d38d2194c',
    bytes: 334_643_276,
  },
  {
    name: 'sdxl_vae.safetensors',
    latents: 'sdxl',
    sha256: '63aeecb90ff7bc1c115395962d3e803571385b61938377bc7089b36e81e92e2e',
    bytes: 334_641_164,
  },
  {
    name: 'the VAE of SDXL (diffusers)',
    latents: 'sdxl',
    sha256: '1598f3d24932bcfe6634e8b618ea1e30ab1d57f5aad13a6d2de446d2199f2341',
  },
  {
    name: 'the VAE of SDXL in fp16 (diffusers)',
    latents: 'sdxl',
    sha256: 'bcb60880a46b63dea58e9bc591abe15f8350bde47b405f9c38f4be70c6161e68',
    bytes: 167_335_342,
  },
  {
    name: 'sdxl-vae-fp16-fix',
    latents: 'sdxl',
    sha256: '235745af8d86bf4a4c1b5b4f529868b37019a10f7c0b2e79ad0abca3a22bc6e1',
    bytes: 334_641_162,
  },
  {
    name: 'sdxl-vae-fp16-fix (diffusers)',
    latents: 'sdxl',
    sha256: '1b909373b28f2137098b0fd9dbc6f97f8410854f31f84ddc9fa04b077b0ace2c',
  },
  {
    name: 'ae.safetensors (Flux.1)',
    latents: 'flux',
    sha256: 'afc8e28272cd15db3919bacdb6918ce9c1ed22e96cb12c4d5ed0fba823529e38',
    bytes: 335_304_388,
  },
  {
    name: 'the VAE of Flux.1 (diffusers)',
    latents: 'flux',
    sha256: 'f5b59a26851551b67ae1fe58d32e76486e1e812def4696a4bea97f16604d40a3',
    bytes: 167_666_902,
  },
  {
    name: 'the VAE of Stable Diffusion 3.5 (diffusers)',
    latents: 'sd3',
    sha256: '8f53304a79335b55e13ec50f63e5157fee4deb2f30d5fae0654e2b2653c109dc',
    bytes: 167_666_902,
  },
]

/** Published checkpoints. Sources: the publishers' pages, AUTOMATIC1111's model list, and lists as for the VAEs. */
export const KNOWN_CHECKPOINTS: readonly PublishedFile[] = [
  {
    name: 'v1-5-pruned-emaonly.safetensors',
    sha256: '6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa',
    bytes: 4_265_146_304,
  },
  {
    name: 'v1-5-pruned-emaonly.ckpt',
    sha256: 'cc6cb27103417325ff94f52b7a5d2dde45a7515b25c255d8e396c90014281516',
    autoV1: '81761151',
  },
  {
    name: 'v1-5-pruned.ckpt',
    sha256: 'e1441589a6f3c5a53f5f54d0975a18a7feb7cdf0b0dee276dfc3331ae376a053',
    autoV1: 'a9263745',
    bytes: 7_703_807_346,
  },
  { name: 'v2-1_768-ema-pruned', autoV1: '4bdfc29c' },
  { name: 'v2-1_512-ema-pruned', autoV1: '47c8ec7d' },
  { name: '512-base-ema', autoV1: '09dd2ae4' },
  { name: 'animefull-final-pruned (NovelAI)', autoV1: '5386e8fb' },
  {
    name: 'SD15NewVAEpruned.ckpt',
    sha256: '27a4ac756c5c4fb25bfb7bd32a700a89fe77a66926338b1d78b97e25e1e85f75',
  },
  {
    name: 'sd_xl_base_1.0.safetensors',
    sha256: '31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b',
    bytes: 6_938_078_334,
  },
  {
    name: 'sd_xl_base_1.0_0.9vae.safetensors',
    sha256: 'e6bb9ea85bbf7bf6478a7c6d18b71246f22e95d41bcdd80ed40aa212c33cfeff',
    bytes: 6_938_078_334,
  },
]

/** Published VAEs a file may be, by A1111's first hash and by its size where that is known. */
export function knownVaesByAutoV1(autoV1: string, bytes: number): KnownVae[] {
  return KNOWN_VAES.filter((file) => file.autoV1 === autoV1 && (file.bytes ?? bytes) === bytes)
}

/** Says on which published checkpoint an adapter or embedding was trained, if the hash it carries is that of one. */
export function trainedOnKnown(hash: string | undefined): Finding[] {
  const known = hash === undefined ? [] : knownByShortHash(hash)
  if (known.length === 0) return []
  const names = known.map(({ name }) => name).join(' or ')
  return [info('trained-on-known', messages.trainedOnKnown(names))]
}

export function knownVaeBySha256(sha256: string): KnownVae | undefined {
  return KNOWN_VAES.find((file) => file.sha256 === sha256.toLowerCase())
}

/** The published file with this sha256. */
export function knownBySha256(sha256: string): PublishedFile | undefined {
  const wanted = sha256.toLowerCase()
  return [...KNOWN_CHECKPOINTS, ...KNOWN_VAES].find((file) => file.sha256 === wanted)
}

/**
 * Published files that an A1111 hash may mean: AutoV1 (8 digits) or the start of a sha256 (10 digits or more), as
 * `ss_sd_model_hash` and embeddings name their base. Several files may share an AutoV1.
 */
export function knownByShortHash(hash: string): PublishedFile[] {
  const wanted = hash.toLowerCase()
  if (!/^(?:[0-9a-f]{8}|[0-9a-f]{10,64})$/.test(wanted)) return []
  return [...KNOWN_CHECKPOINTS, ...KNOWN_VAES].filter((file) => {
    return wanted.length === 8 ? file.autoV1 === wanted : file.sha256?.startsWith(wanted) === true
  })
}
