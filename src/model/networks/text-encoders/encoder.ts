import type { ComponentId } from '../components.ts'
import type { Alias } from '../template/alias.ts'
import type { Dims } from '../template/row.ts'
import type { Template } from '../template/template.ts'

/** A published text encoder: its numbers in the network that it shares with its relatives. */
export interface EncoderMember {
  readonly id: ComponentId
  /** A part that is not named is in some files and not in others. Tokens may have been added to the vocabulary. */
  readonly dims: Dims
  /** First and last length of the vocabulary, where that of a relative of the same shapes is another. */
  readonly vocabulary?: readonly [least: number, most: number]
  /** Numbers of layers of copies that were cut short, as the last ones are not used. */
  readonly cut?: readonly number[]
  /** `general.architecture` of a GGUF that tells it from a relative whose language model is the same. */
  readonly ggufArchitecture?: string
}

/** Text encoders of the same layers in several sizes. */
export interface EncoderNetwork {
  /** In the names that transformers has for the text model alone. */
  readonly template: Template
  /** Names of llama.cpp. */
  readonly llamaCpp?: readonly Alias[]
  /** The counter of its layers. */
  readonly counter: string
  /** The number that is its width. */
  readonly width: string
  readonly members: readonly EncoderMember[]
}

/** Text encoders that are known by some keys only; their other keys are not checked. */
export interface MarkedEncoder {
  /** All of them are there, in the names that transformers has for the text model alone. */
  readonly keys: readonly string[]
  /** Where several sizes have these keys, the length of a norm tells which it is. */
  readonly is: ComponentId | { readonly norm: string; readonly ids: Readonly<Record<number, ComponentId>> }
}
