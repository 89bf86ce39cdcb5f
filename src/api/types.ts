/**
 * The types of the library, apart from those inside: what stands here is stable. Sizes are bytes; shapes are those of
 * the file, the slowest dimension first, as torch prints them.
 */
import type { InspectResult } from './inspect-result.ts'

export type { InspectResult }

/** What every call takes. */
export interface CallOptions {
  /** Ends the call: what is half written is removed, and the reason of the signal is thrown. */
  readonly signal?: AbortSignal
  /** Called when something begins that may take long. Without it, work goes on unseen. */
  readonly onProgress?: (label: string, unit: 'bytes' | 'count') => Progress
  /** Threads that compute weights; those of the machine if absent, 0 for the calling thread alone. */
  readonly threads?: number
  /** Environment variables, where caches are looked for (`SDTOOL_CACHE`, `XDG_CACHE_HOME`, `HOME`); those of the process if absent. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** One thing that takes long. */
export interface Progress {
  /** @param total 0 where nobody knows it */
  update(done: number, total: number): void
  end(): void
}

/** Something to know about a file, or about what was made of it. */
export interface Finding {
  /** Stable, lower-case words with dashes: `fp16-overflow`. */
  readonly code: string
  readonly severity: 'info' | 'warning' | 'error'
  readonly message: string
  readonly bytes?: number
}

export interface Tensor {
  readonly name: string
  /** As safetensors spells it, GGUF types by their own names: `F16`, `BF16`, `F8_E4M3`, `Q4_K`. */
  readonly dtype: string
  readonly shape: readonly number[]
}

export interface ModelFile {
  readonly file: { readonly path: string; readonly size: number }
  readonly format: 'safetensors' | 'torch-zip' | 'torch-legacy' | 'pickle' | 'gguf'
  /** In file order, under the names that programs look for. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** `__metadata__` of safetensors, and what comes nearest in other formats. */
  readonly metadata: Readonly<Record<string, string>>
}

/** A network in a file: UNet, text encoder, VAE. */
export interface Component {
  /** `unet`, `clip_l`, `vae` .. */
  readonly id: string
  readonly title: string
  /** Names of its tensors. */
  readonly names: readonly string[]
  readonly parameters: number
  readonly bytes: number
}

/** What a file is. */
export interface Identity {
  /** `checkpoint`, `lora`, `vae`, `embedding` ..; `unknown` where nothing is recognised. */
  readonly kind: string
  /** For people: "Stable Diffusion 1.x checkpoint". */
  readonly title: string
  readonly architecture?: { readonly id: string; readonly title: string; readonly variant?: string }
  readonly components: readonly Component[]
  readonly findings: readonly Finding[]
}

/** A model: a name, the opened file, what it is. */
export interface Model {
  readonly name: string
  readonly file: ModelFile
  readonly identity: Identity
}

/** A model whose values can be read until it is closed. */
export interface OpenModel extends Model {
  /**
   * Values of a tensor as binary64, row-major, as many as its shape says.
   * @throws SdtoolError: TENSOR_NOT_FOUND (exit 3); QUANTISED or SCALED_FP8 (exit 3) for codes that are not numbers;
   *   INPUT_CHANGED (exit 1); ZIP_CRC (exit 3)
   */
  read(tensor: string): Promise<Float64Array>
  /** Harmless when called twice. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface InspectOptions extends CallOptions {
  /** SHA-256, AutoV1 to V3, BLAKE3, CRC-32: the whole file is read. */
  readonly hashes?: boolean
  /** NaN, infinite values, what fp16 cannot hold: the whole file is read. */
  readonly scan?: boolean
  /** Names, types and shapes of all tensors in the result. */
  readonly tensors?: boolean
  /** Model folders: a VAE is compared with those in them, and what a model needs is looked for there. */
  readonly models?: readonly string[]
}

/** A model file of a folder. */
export interface ListedModel {
  readonly path: string
  /** Below the folder, with `/` between its parts. */
  readonly name: string
  readonly bytes: number
  /** Absent for a file that cannot be read. */
  readonly facts?: {
    readonly kind: string
    readonly title: string
    readonly architecture?: string
    /** `flux`, `z-image`: a word for all models that one adapter may be for. */
    readonly family?: string
    /** Of the architecture: `klein-4b`. */
    readonly variant?: string
    /** `fp16`, `fp16, fp32`. */
    readonly precision: string
    /** What an adapter or embedding is for. */
    readonly base?: string
    /** Bytes that `prune` would save. */
    readonly prunable: number
  }
  /** Why it cannot be read. */
  readonly error?: { readonly code: string; readonly message: string }
  readonly triggers: readonly string[]
  /** As the `.civitai.info` beside it says: `Flux.1 D`. */
  readonly baseModel?: string
}

/** A verb of sdtool: what `run` does. `Options` are what it takes, as a recipe keeps them. */
export interface Verb<Options extends object> {
  readonly verb: string
  /** Only for the type of its options; never there. */
  readonly options?: Options
}

export interface RunRequest<Options extends object> extends CallOptions {
  /** Paths. The first is what the others are put into, and the source of the output's metadata. */
  readonly inputs: readonly string[]
  readonly options?: Options
  /** File to write, or a folder; the usual name beside the first input if absent. */
  readonly output?: string
  /** Replace an existing file. */
  readonly force?: boolean
  /** Everything but writing: the same refusals, and what would be written. */
  readonly dryRun?: boolean
  /** Read back and compare: every tensor, those that were computed (`patched`), or none; the verb's own choice if absent. */
  readonly verify?: boolean | 'patched'
  /** SHA-256 of inputs over 512 MB into the recipe, too; true if absent. */
  readonly hash?: boolean
  /** Copy what lies next to the first input under its name: `.yaml`, previews, notes. */
  readonly sidecars?: boolean
}

export interface RunResult {
  /** `skipped`: there was nothing to do, see `findings`. */
  readonly status: 'written' | 'planned' | 'skipped'
  readonly output?: string
  /** What the first input is. */
  readonly title?: string
  readonly bytesBefore?: number
  readonly bytesAfter?: number
  readonly tensors?: number
  readonly findings: readonly Finding[]
  /** Figures of what was done, part by part, where the verb has some: how far weights moved, what rounding took. */
  readonly proof?: readonly unknown[]
  /** What comparing the written file with a second computation found. */
  readonly verified?: unknown
  readonly seconds?: number
}

export interface LoraChoice {
  /** Path, or a bare name that is looked up in `models`. */
  readonly path: string
  /** For UNet and text encoders; 1 if absent. */
  readonly ratio?: number | { readonly unet: number; readonly text: number }
  /** Times that of single blocks: `IN04=0.5,OUT*=0`. */
  readonly blocks?: string
}

export interface RenderOptions extends CallOptions {
  /** With weights, `BREAK`, and schedules of A1111; four fixed verification prompts if absent. */
  readonly prompt?: string
  readonly negative?: string
  /** Of the first picture, the next ones count up; 1 if absent. */
  readonly seed?: number | bigint
  readonly count?: number
  /** 20 if absent. */
  readonly steps?: number
  /** CFG scale; 7 if absent. */
  readonly cfg?: number
  /** `euler`, `dpmpp_2m` ..; names of A1111 are understood, also with a schedule behind them: `DPM++ 2M Karras`. */
  readonly sampler?: string
  readonly schedule?: string
  /** Pixels; the side the model was trained for if absent. */
  readonly size?: { readonly width: number; readonly height: number }
  readonly loras?: readonly LoraChoice[]
  /** A VAE, a TAESD, or a checkpoint that has one. */
  readonly vae?: string
  /** Draw with the EMA copy of the weights. */
  readonly ema?: boolean
  /** Folders with embeddings; those of `models` if absent. */
  readonly embeddings?: readonly string[]
  /** Folders where bare names are looked up. */
  readonly models?: readonly string[]
  /** `cpu` if absent; `auto` tries the graphics card. */
  readonly device?: string
  /** Called as soon as a picture is finished. */
  readonly onPicture?: (picture: Picture, index: number) => void | Promise<void>
}

export interface Picture {
  readonly width: number
  readonly height: number
  /** Red, green and blue of each pixel, row by row: width * height * 3 bytes. */
  readonly rgb: Uint8Array
  /** The same as a PNG with the `parameters` of A1111 in it. */
  readonly png: Uint8Array
  readonly prompt: string
  readonly seed: bigint
}

export interface Rendered {
  readonly pictures: readonly Picture[]
  /** What a person should know: a tag that was ignored, an embedding for another model. */
  readonly notes: readonly string[]
}
