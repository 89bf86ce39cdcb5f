import type { ComponentTemplate } from '../architectures/architecture.ts'
import type { ComponentId } from '../components.ts'
import { templateTopology } from '../template/template.ts'
import type { Topology } from '../topology/match.ts'
import { COMFYUI_NAMES, encoderById } from './registry.ts'

const NOTHING: Topology = new Map()

/** Where ComfyUI has a text encoder in a file of a whole model. */
export function encoderPrefix(id: ComponentId): string {
  return `text_encoders.${COMFYUI_NAMES[id] ?? id}.transformer.`
}

/** A text encoder of the tables in a file of a whole model that ComfyUI has saved: the language model, without a tower. */
export function textEncoder(id: ComponentId): ComponentTemplate {
  let topology: Topology | undefined
  return {
    id,
    prefix: encoderPrefix(id),
    topology: () => {
      topology ??= languageModel(id)
      return topology
    },
    optional: () => NOTHING,
  }
}

function languageModel(id: ComponentId): Topology {
  const known = encoderById(id)
  if (known === undefined) return NOTHING
  return templateTopology(known.network.template, { ...known.member.dims, tower: 0 })
}
