/** A network in several files, as diffusers writes what is large. */
import { tensorBytes } from '../../tensor/values/expr.ts'
import type { Tensor } from '../../tensor/values/table.ts'

type Tensors = ReadonlyMap<string, Tensor>

/** `max_shard_size` of diffusers where nobody says: "10GB". */
const MAX_SHARD_BYTES = 10e9

/** The tensors in their order, as many in a file as there is room for. */
export function shardsOf(tensors: Tensors, limit = MAX_SHARD_BYTES): Tensors[] {
  const shards: Map<string, Tensor>[] = [new Map()]
  let bytes = 0
  for (const [name, tensor] of tensors) {
    const own = tensorBytes(tensor)
    if (bytes + own > limit && shards.at(-1)!.size > 0) {
      shards.push(new Map())
      bytes = 0
    }
    shards.at(-1)!.set(name, tensor)
    bytes += own
  }
  return shards
}

/** `model.safetensors` -> `model-00001-of-00002.safetensors`; itself where there is one. */
export function shardName(name: string, number: number, count: number): string {
  if (count === 1) return name
  const digits = (n: number) => String(n).padStart(5, '0')
  return name.replace(/\.safetensors$/, `-${digits(number)}-of-${digits(count)}.safetensors`)
}

/** What `<name>.index.json` says: in which file each tensor is. */
export function shardIndexText(name: string, shards: readonly Tensors[]): string {
  const map = shards.flatMap((shard, i) => {
    return [...shard.keys()].map((key) => [key, shardName(name, i + 1, shards.length)] as const)
  })
  const bytes = shards.flatMap((shard) => [...shard.values()]).reduce((sum, one) => sum + tensorBytes(one), 0)
  const index = { metadata: { total_size: bytes }, weight_map: Object.fromEntries(map) }
  return `${JSON.stringify(index, null, 2)}\n`
}
