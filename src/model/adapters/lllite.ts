import { elementCount } from '../../tensor/values/dtype.ts'
import type { TensorTable } from '../../tensor/values/table.ts'
import { DIALECTS } from './dialects.ts'
import type { AdapterInfo } from './info.ts'
import { TARGETS } from './targets.ts'

const PREFIX = 'lllite_'

/**
 * ControlNet-LLLite: small control networks beside attention layers, in files that look like LoRAs but are
 * none (`lllite_unet_..._attn1_to_q.down.0.weight`). Source: kohya-ss sd-scripts, `control_net_lllite.py`.
 */
export function describeLllite(table: TensorTable): AdapterInfo | undefined {
  const tensors = [...table.tensors.values()]
  if (tensors.length === 0 || !tensors.every(({ name }) => name.startsWith(PREFIX))) return undefined
  const modules = new Set(tensors.map(({ name }) => name.split('.', 1)[0])).size
  const parameters = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  const title = DIALECTS.lllite
  return {
    title,
    algorithms: [{ id: 'lllite', title, modules }],
    dialects: [{ id: 'lllite', title, modules }],
    targets: [
      {
        target: 'controlnet',
        title: TARGETS.controlnet,
        modules,
        tensors: tensors.length,
        parameters,
        convModules: 0,
      },
    ],
    modules,
    parameters,
    convModules: 0,
    ranks: [],
    withoutAlpha: modules,
    settings: { configs: [], problems: [] },
    wrapped: [],
    doraModules: 0,
    textEncoderTrained: false,
    base: { evidence: [] },
    embeddings: [],
    strays: [],
    unknownModules: [],
    findings: [],
  }
}
