import type { ComponentTemplate } from '../architectures/architecture.ts'
import type { ComponentId } from '../components.ts'
import type { Dims } from '../template/row.ts'
import { templateTopology } from '../template/template.ts'
import type { Topology } from '../topology/match.ts'
import { COMFYUI_NAMES, encoderById } from './registry.ts'

const NOTHING: Topology = new Map()

/** What ComfyUI keeps beside an encoder, whatever its layers. */
export const BESIDE_ENCODERS: Topology = new Map([['logit_scale', []]])

/** Parts that only copies lack which were cut short. */
export const WHOLE: Dims = { last_norm: 1 }

/** Where ComfyUI has a text encoder in a file of a whole model. */
export function encoderPrefix(id: ComponentId): string {
  return `text_encoders.${COMFYUI_NAMES[id] ?? id}.transformer.`
}

/** A text encoder of the tables in a file of a whole model that ComfyUI has saved: the text model, without a tower. */
export function textEncoder(id: ComponentId): ComponentTemplate {
  let topology: Topology | undefined
  return {
    id,
    prefix: encoderPrefix(id),
    topology: () => {
      topology ??= textModel(id)
      return topology
    },
    optional: () => new Map([...parts(id), ...BESIDE_ENCODERS]),
  }
}

function textModel(id: ComponentId): Topology {
  const known = encoderById(id)
  if (known === undefined) return NOTHING
  return templateTopology(known.network.template, { ...WHOLE, ...known.member.dims, tower: 0 })
}

/** Layers that some files have and others do not: a tower, a head, a second name of the token table. */
function parts(id: ComponentId): Topology {
  const known = encoderById(id)
  const { template = [] } = known?.network ?? {}
  const rows = template.filter(({ part }) => part !== undefined)
  const all = Object.fromEntries(rows.map(({ part }) => [part!, 1]))
  return templateTopology(rows, { ...known?.member.dims, ...all })
}
