import type { Engine } from '../engine/engine.ts'
import { openDenoiser } from '../engine/open-denoiser.ts'
import { openTextEncoder, textTowers } from '../engine/open-text.ts'
import { openVae } from '../engine/open-vae.ts'

/** Networks as graphs in onnxruntime. */
export const onnxEngine: Engine = { textTowers, openTextEncoder, openDenoiser, openVae }
