import type { ComponentId } from '../components.ts'
import type { EncoderMember, EncoderNetwork } from './encoder.ts'
import { LANGUAGE_MODELS, MARKED_LANGUAGE_MODELS } from './language-models.ts'
import { OTHER_ENCODERS } from './others.ts'

export type { EncoderMember, EncoderNetwork, MarkedEncoder } from './encoder.ts'
export { MARKED_LANGUAGE_MODELS as MARKED_ENCODERS }

/** Text encoders that are no CLIP. A new size is a line in the network it belongs to. */
export const TEXT_ENCODERS: readonly EncoderNetwork[] = [...LANGUAGE_MODELS, ...OTHER_ENCODERS]

/** Names that ComfyUI gives to encoders in files of a whole model, where that is not their id. Source: its `text_encoders`. */
export const COMFYUI_NAMES: Readonly<Partial<Record<ComponentId, string>>> = {
  llama3_8b: 'llama',
  byt5: 'byt5_small',
  t5xl: 'pile_t5xl',
  t5_11b: 't5xxl',
  gpt_oss_20b: 'gpt_oss',
}

export interface KnownEncoder {
  readonly network: EncoderNetwork
  readonly member: EncoderMember
}

const BY_ID = new Map(
  TEXT_ENCODERS.flatMap((network) =>
    network.members.map((member) => [member.id, { network, member }] as const),
  ),
)

/** The layers and numbers of an encoder, where they are known. */
export function encoderById(id: ComponentId): KnownEncoder | undefined {
  return BY_ID.get(id)
}
