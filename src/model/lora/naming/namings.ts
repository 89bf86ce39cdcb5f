/** How programs name the layers of a LoRA. */
import type { PartRole } from '../../adapters/algorithm.ts'
import { ENCODERS } from '../../adapters/keymap.ts'
import type { TargetId } from '../../adapters/targets.ts'
import type { Architecture } from '../../networks/architectures/architecture.ts'
import { COMPONENTS, type ComponentId } from '../../networks/components.ts'

/** Where the strength alpha / rank of a module stands. */
export type StrengthPlace =
  /** In a tensor of its own. */
  | 'alpha'
  /** Multiplied into the factors, as programs that read these names look for no alpha. */
  | 'factors'
  /** In a configuration beside the file. */
  | 'config'

export interface Naming {
  /** For people. */
  readonly title: string
  /** Names of the denoiser's layers: of its authors, or of diffusers. */
  readonly layout: 'ldm' | 'diffusers'
  /** Steps of a path are joined by `_`. */
  readonly isFlat: boolean
  readonly strength: StrengthPlace
  /** Endings of factors, where they are not the names of the roles. */
  readonly suffixes: Readonly<Partial<Record<PartRole, string>>>
  /** Parts of modules that programs read under these names; all where it is undefined. */
  readonly roles?: ReadonlySet<PartRole>
}

const KOHYA_SUFFIXES = {
  lora_up: 'lora_up.weight',
  lora_down: 'lora_down.weight',
  lora_mid: 'lora_mid.weight',
} as const

const PEFT_SUFFIXES = {
  lora_up: 'lora_B.weight',
  lora_down: 'lora_A.weight',
  lora_up_bias: 'lora_B.bias',
  magnitude: 'lora_magnitude_vector',
} as const

/** What `LoraConfig` of PEFT has tensors for. */
const PEFT_ROLES: ReadonlySet<PartRole> = new Set(['lora_up', 'lora_down', 'lora_up_bias', 'magnitude'])

/** A new one is a row here. Sources: sd-scripts `networks/lora*.py`, diffusers `loaders/lora_pipeline.py`, ComfyUI `comfy/lora.py`, PEFT `utils/save_and_load.py`. */
export const NAMINGS = {
  kohya: {
    title: 'kohya',
    layout: 'ldm',
    isFlat: true,
    strength: 'alpha',
    suffixes: KOHYA_SUFFIXES,
  },
  comfyui: {
    title: 'ComfyUI',
    layout: 'ldm',
    isFlat: false,
    strength: 'alpha',
    suffixes: KOHYA_SUFFIXES,
  },
  diffusers: {
    title: 'diffusers',
    layout: 'diffusers',
    isFlat: false,
    strength: 'factors',
    suffixes: PEFT_SUFFIXES,
    roles: PEFT_ROLES,
  },
  peft: {
    title: 'PEFT',
    layout: 'diffusers',
    isFlat: false,
    strength: 'config',
    suffixes: PEFT_SUFFIXES,
    roles: PEFT_ROLES,
  },
} as const satisfies Record<string, Naming>

export type NamingId = keyof typeof NAMINGS

export const NAMING_IDS = Object.keys(NAMINGS) as NamingId[]

export function namingById(id: NamingId): Naming {
  return NAMINGS[id]
}

/** Text encoders of a model, in the order that trainers count them. */
function encodersOf({ components }: Architecture): ComponentId[] {
  return components.filter(({ id }) => COMPONENTS[id].role === 'text').map(({ id }) => id)
}

/** Place of the encoder that a trainer calls `target`, 0 for the first; undefined where the family has none of that kind. */
function encoderIndex(target: TargetId, encoders: readonly ComponentId[]): number | undefined {
  const usual = encoders.findIndex((id) => ENCODERS[id]?.[0] === target)
  const index = usual >= 0 ? usual : encoders.findIndex((id) => ENCODERS[id]?.includes(target))
  return index < 0 ? undefined : index
}

/** The encoder as ComfyUI calls it: the same one, whatever names its keys have in a checkpoint. */
function comfyName(id: ComponentId): string {
  return id.replace(/^openclip_/, 'clip_')
}

/** What a naming puts before the path of a layer; undefined where it has no word for that network. */
export function prefixOf(id: NamingId, target: TargetId, architecture: Architecture): string | undefined {
  if (target === 'unet') {
    const network = architecture.network.kind === 'unet' ? 'unet' : 'transformer'
    return { kohya: 'lora_unet_', comfyui: 'diffusion_model.', diffusers: `${network}.`, peft: PEFT_PREFIX }[
      id
    ]
  }
  const encoders = encodersOf(architecture)
  const index = encoderIndex(target, encoders)
  if (index === undefined) return undefined
  const isOnly = encoders.length === 1
  return {
    kohya: isOnly ? 'lora_te_' : `lora_${target}_`,
    comfyui: `text_encoders.${comfyName(encoders[index]!)}.transformer.`,
    diffusers: `${encoderFolder(index)}.`,
    peft: PEFT_PREFIX,
  }[id]
}

const PEFT_PREFIX = 'base_model.model.'

function encoderFolder(index: number): string {
  return index === 0 ? 'text_encoder' : `text_encoder_${index + 1}`
}

/** Folder in which PEFT's adapter of a network stands, where a LoRA is for several. */
export function networkFolder(target: TargetId, architecture: Architecture): string {
  if (target === 'unet') return architecture.network.kind === 'unet' ? 'unet' : 'transformer'
  return encoderFolder(encoderIndex(target, encodersOf(architecture)) ?? 0)
}
