/**
 * The networks of a model as functions of numbers. What is behind each (graph, session, process, device) is the
 * business of the openers; whoever samples sees only these interfaces.
 *
 * All values are float32, row-major, whatever the device computes with. Every call may be aborted by the signal the
 * network was opened with: it then rejects with the signal's reason, at once, also in the middle of a step.
 * A network that gives NaN or infinity throws NOT_FINITE, which names the component and the usual cure.
 */

import type { Model } from '../../model/model.ts'
import type { LatentFormat } from '../../model/networks/architectures/architecture.ts'
import type { Device } from '../devices/devices.ts'

/** What a network computes with. `fp16` needs a device that can; a VAE always computes in float32. */
export type NetworkPrecision = 'fp32' | 'fp16'

/** Where loading is. Steps are counted by whoever calls `predict`. */
export interface LoadProgress {
  /** "UNet", "VAE decoder", "CLIP-L text encoder". */
  readonly component: string
  /** `evaluate`: weights that no file holds as they are needed are computed; `load`: the session takes them in. */
  readonly stage: 'evaluate' | 'load'
  readonly doneBytes: number
  /** 0 where nobody can say. */
  readonly totalBytes: number
}

export interface EngineOptions {
  /** `CPU` of devices.ts, or what `chooseDevice` found. */
  readonly device: Device
  /** fp16 if the device can, unless said otherwise. */
  readonly precision?: NetworkPrecision
  readonly signal?: AbortSignal
  /** Worker threads for weights that are computed; 0 computes in the calling thread. */
  readonly threads: number
  /** Module that multiplies matrices, a `MatMulModule`, as the writer takes it. */
  readonly matmul?: URL
  /** Script of the processes that hold the networks (`session-process.ts`, built); the calling one without it. */
  readonly sessions?: URL
  /** Fails where a part of a network would run on the CPU instead of the device: for tests. */
  readonly strict?: boolean
  /** Where weights that were computed lie while a session needs them; the system's folder for such files if absent. */
  readonly scratch?: string
  onProgress?(progress: LoadProgress): void
}

/** What all networks have in common: memory that is held until it is given back. */
export interface Network {
  /** For people: "UNet", "OpenCLIP-bigG text encoder". */
  readonly title: string
  /** Ends the process that holds the weights, removes what was written for it. Never throws; may be called twice. */
  close(): Promise<void>
}

/** Tokens of one prompt chunk. */
export const CHUNK_TOKENS = 77

/** One chunk: begin, up to 75 tokens, end, padding. */
export interface TextInput {
  /** 77 rows of the token table; the first 49407 is where the pooled vector is taken. */
  readonly ids: readonly number[]
  /** Rows put in the place of those of the token table (textual inversion), before positions are added. */
  readonly vectors?: readonly { readonly position: number; readonly values: Float32Array }[]
}

export interface TextOutput {
  /** [n, 77, width]. */
  readonly hidden: Float32Array
  readonly width: number
  /** [n, pooledWidth]: final norm of the last layer at the end token, projected. Only of towers that have it. */
  readonly pooled?: Float32Array
  readonly pooledWidth?: number
}

/** A text encoder that a model has, before it is opened. */
export interface TextTower {
  /** Which vectors of an embedding file are for it. */
  readonly id: 'clip_l' | 'clip_g' | 'clip_h'
  readonly title: string
  /** Place in `identity.components`. */
  readonly component: number
  /** Of the token table and of `hidden`. */
  readonly width: number
  readonly layers: number
  /** What fills a chunk behind its end token: 49407 for CLIP-L, 0 for OpenCLIP. */
  readonly padding: number
  /** The layer this model was trained with, counted from the end as A1111 does: 1 = last, 2 = penultimate. */
  readonly skip: number
  /** Whether the final norm is applied to `hidden`: SD 1.x and 2.x yes, SDXL no. */
  readonly finalNorm: boolean
  /** Whether `pooled` is given. */
  readonly pools: boolean
}

export interface TextEncoder extends Network {
  readonly tower: TextTower
  /**
   * Encodes chunks, each by itself.
   * @param skip layers left out at the end, counted as A1111 does (1 = none); that of the tower if absent
   * @throws CLIP_SKIP (exit 1) when the tower has fewer layers, TOKEN_RANGE (exit 3) when an id is beyond the token table
   */
  encode(inputs: readonly TextInput[], options?: { readonly skip?: number }): Promise<TextOutput>
}

/** Latent pictures with the text they are drawn from. */
export interface DenoiserInput {
  /** [n, channels, h, w], scaled as the sampler says; channels 5 to 9 of an inpainting model: mask, masked picture. */
  readonly x: Float32Array
  readonly n: number
  readonly height: number
  readonly width: number
  /** n times; may lie between two steps of the training schedule (0 to 999). */
  readonly timesteps: readonly number[]
  /** [n, tokens, contextWidth]; tokens = 77 x chunks. */
  readonly context: Float32Array
  readonly tokens: number
  /** [n, vectorWidth]: pooled text and sizes of SDXL; `timestepEmbedding` makes the sizes. */
  readonly y?: Float32Array
}

export interface Denoiser extends Network {
  /** Of the input: 4, or 9 for inpainting. */
  readonly channels: number
  /** Of the output: 4. */
  readonly outChannels: number
  readonly contextWidth: number
  /** Undefined if the network takes no `y`. */
  readonly vectorWidth?: number
  /**
   * What the network predicts (noise or velocity: `identity.architecture.prediction`), [n, outChannels, height, width].
   * The first call with other sizes (height, width, tokens, n on a GPU) loads the network anew: keep them the same.
   */
  predict(input: DenoiserInput): Promise<Float32Array>
}

/** A picture: red, green, blue planes, [3, height, width]. */
export interface Pixels {
  /** Of a decoder in [0, 1] but not clamped, so that overflow can be told from white. */
  readonly data: Float32Array
  readonly height: number
  readonly width: number
}

/** A picture in the space of the denoiser (already multiplied with the scale factor), [channels, height, width]. */
export interface Latent {
  readonly data: Float32Array
  readonly height: number
  readonly width: number
}

export interface VaeOptions {
  /**
   * Side of the tiles a large picture is taken in, in latent pixels; 0: never. If absent, pictures whose memory
   * would not fit, or above 1024x1024, are cut.
   */
  readonly tile?: number
  /** Called after each tile. */
  onTile?(done: number, total: number): void
}

/** A KL autoencoder or a TAESD: which of them it is makes no difference to whoever uses it. */
export interface Vae extends Network {
  readonly kind: 'kl' | 'taesd'
  readonly latentChannels: number
  /** Pixels per latent pixel, along one side. */
  readonly downscale: number
  /**
   * Latent, as the denoiser knows it, to picture: scale, shift and (Playground) mean and deviation are undone inside.
   * @throws NO_DECODER (exit 3) for a file with an encoder only
   */
  decode(latent: Latent, options?: VaeOptions): Promise<Pixels>
  /**
   * Picture in [0, 1] to latent: the mean of the distribution, nothing is sampled. Sides are multiples of `downscale`.
   * @throws NO_ENCODER (exit 3) for a file with a decoder only
   */
  encode(pixels: Pixels, options?: VaeOptions): Promise<Latent>
}

/**
 * Openers. All throw COMPONENT_MISSING when the model has no such part, NOT_RENDERABLE when it is of a kind that cannot
 * be drawn, MEMORY when it would not fit. Nothing big is loaded before the first call.
 */
export interface Engine {
  /** The text encoders in the order their outputs are joined: SDXL `clip_l`, `clip_g`. */
  textTowers(model: Model): TextTower[]
  openTextEncoder(model: Model, tower: TextTower, options: EngineOptions): Promise<TextEncoder>
  openDenoiser(model: Model, options: EngineOptions): Promise<Denoiser>
  /**
   * The VAE inside a checkpoint, a VAE file of any layout, or a TAESD file.
   * @param format latents of the *base* (`latentFormat(identity)`): a VAE file does not say which it was trained for
   */
  openVae(model: Model, format: LatentFormat, options: EngineOptions): Promise<Vae>
}
