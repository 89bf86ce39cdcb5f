import type { Engine } from './engine.ts'
import { openDenoiser } from './open-denoiser.ts'
import { openTextEncoder, textTowers } from './open-text.ts'
import { openVae } from './open-vae.ts'

/** Networks as graphs in onnxruntime. */
export const onnxEngine: Engine = { textTowers, openTextEncoder, openDenoiser, openVae }
