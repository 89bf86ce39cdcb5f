/** How programs want an embedding stored. */

import { TOKEN_KEY } from '../../model/identify/embeddings.ts'
import { SOURCE_PREFIX } from '../../model/metadata/carry.ts'
import type { TorchObject } from '../../tensor/formats/pickle-write.ts'
import { canCast, cast, renamed } from '../../tensor/values/expr.ts'
import type { PlainValue, Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { FoundEmbedding } from './plan.ts'

/** The token A1111 stores, and its id: of no importance, but its loader wants them. */
const PLACEHOLDER = { token: '*', id: 265 } as const

const PT_PARAM = `string_to_param/${PLACEHOLDER.token}`

/** safetensors: `emb_params` for one text encoder, `clip_l` and `clip_g` for two. Read by A1111, Forge, ComfyUI, diffusers. */
export function safetensorsEmbedding({ parts, token }: FoundEmbedding): TensorTable {
  const tensors = [...parts].map(([role, tensor]) => renamed(tensor, role === 'single' ? 'emb_params' : role))
  return tableOf(tensors, token === undefined ? {} : { [SOURCE_PREFIX + TOKEN_KEY]: token })
}

/**
 * `.pt`: what A1111's trainer saves, in binary32 as it does; for several encoders a plain dict of their tensors.
 * Names are those the reader gives.
 */
export function torchEmbedding({ parts }: FoundEmbedding): TensorTable {
  const single = parts.get('single')
  const tensors =
    single === undefined
      ? [...parts].map(([role, tensor]) => renamed(tensor, role))
      : [renamed(single, PT_PARAM)]
  return tableOf(tensors.map((tensor) => (canCast(tensor.dtype, 'F32') ? cast(tensor, 'F32') : tensor)))
}

/** The object in the pickle of `torchEmbedding`. */
export function torchRoot({ name, extras }: FoundEmbedding): (table: TensorTable) => TorchObject {
  return ({ tensors }) => {
    if (!tensors.has(PT_PARAM))
      return { dict: [...tensors.keys()].map((tensor) => [tensor, { tensor }] as const) }
    return {
      dict: [
        ['string_to_token', { dict: [[PLACEHOLDER.token, PLACEHOLDER.id]] }],
        ['string_to_param', { dict: [[PLACEHOLDER.token, { tensor: PT_PARAM }]] }],
        ['name', name],
        ['step', plain(extras.step)],
        ['sd_checkpoint', plain(extras.sd_checkpoint)],
        ['sd_checkpoint_name', plain(extras.sd_checkpoint_name)],
      ],
    }
  }
}

function plain(value: PlainValue | undefined): string | number | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null
}

function tableOf(tensors: readonly Tensor[], metadata: TensorTable['metadata'] = {}): TensorTable {
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata }
}
