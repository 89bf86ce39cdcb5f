/** LoRAs of full size with the module names and targets of kohya's default: attention blocks and text encoders. */
import { weightFiller } from '../fixtures/checkpoint.ts'
import type { ModuleTarget } from '../src/model/adapters/keymap/target.ts'
import { modulesOf } from '../src/model/adapters/keymap.ts'
import type { TargetId } from '../src/model/adapters/targets.ts'
import type { Architecture } from '../src/model/networks/architectures/architecture.ts'
import { sd1 } from '../src/model/networks/architectures/sd1.ts'
import { sdxl } from '../src/model/networks/architectures/sdxl.ts'
import type { Tensor } from '../src/tensor/values/table.ts'
import { writeSafetensors } from '../src/tensor/write/write.ts'

interface LoraPlan {
  readonly architecture: Architecture
  readonly rank: number
  readonly parts: readonly { readonly target: TargetId; readonly prefix: string; readonly modules: RegExp }[]
  readonly base: string
}

const CLIP_LAYERS = /^text_model_encoder_layers_\d+_(self_attn_[qkv]_proj|self_attn_out_proj|mlp_fc[12])$/

export const SD15_LORA: LoraPlan = {
  architecture: sd1,
  rank: 64,
  parts: [
    { target: 'unet', prefix: 'lora_unet_', modules: /^(down_blocks_\d|mid_block|up_blocks_\d)_attentions_/ },
    { target: 'te1', prefix: 'lora_te_', modules: CLIP_LAYERS },
  ],
  base: 'sd_v1',
}

export const SDXL_LORA: LoraPlan = {
  architecture: sdxl,
  rank: 32,
  parts: [
    {
      target: 'unet',
      prefix: 'lora_unet_',
      modules: /^(input_blocks_\d+_1|middle_block_1|output_blocks_\d+_1)_(proj_|transformer_blocks_)/,
    },
    { target: 'te1', prefix: 'lora_te1_', modules: CLIP_LAYERS },
    { target: 'te2', prefix: 'lora_te2_', modules: CLIP_LAYERS },
  ],
  base: 'sdxl_base_v1-0',
}

export async function writeLora(path: string, { architecture, rank, parts, base }: LoraPlan): Promise<void> {
  const fill = weightFiller('F16')
  let index = 1
  const random = (name: string, shape: number[]): Tensor => {
    const data = new Uint8Array(2 * shape.reduce((product, n) => product * n, 1))
    fill(index++)(0, data)
    return { name, dtype: 'F16', shape, source: { kind: 'bytes', data } }
  }
  const tensors = parts.flatMap(({ target, prefix, modules }) => {
    return (
      [...modulesOf(architecture, target)]
        // one name for each layer: to_out is another one of to_out_0
        .filter(([name, { shape }]) => modules.test(name) && !name.endsWith('to_out') && shape.length > 1)
        .flatMap(([name, module]) => loraModule(prefix + name, module, rank, random))
    )
  })
  const metadata = { ss_base_model_version: base, ss_network_dim: `${rank}`, ss_network_alpha: '1' }
  const table = { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata }
  await writeSafetensors(table, path, { threads: 0, force: true })
}

/** Alpha 1, so that the change is small beside the weight, as in trained files. */
function loraModule(
  name: string,
  { shape }: ModuleTarget,
  rank: number,
  random: (name: string, shape: number[]) => Tensor,
): Tensor[] {
  const [out, input, ...kernel] = shape as [number, number, ...number[]]
  const one = new Uint8Array(Uint16Array.of(0x3c00).buffer)
  return [
    random(`${name}.lora_down.weight`, [rank, input, ...kernel]),
    random(`${name}.lora_up.weight`, [out, rank, ...kernel.map(() => 1)]),
    { name: `${name}.alpha`, dtype: 'F16', shape: [], source: { kind: 'bytes', data: one } },
  ]
}
