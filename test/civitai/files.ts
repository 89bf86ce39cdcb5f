/** Small files as people download them. */
import * as asm from '../../fixtures/pickle-assembler.ts'

/** A safetensors file of zeros in half precision. */
export function safetensorsFile(
  shapes: Readonly<Record<string, readonly number[]>>,
  metadata?: Readonly<Record<string, string>>,
): Buffer {
  let at = 0
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const start = at
    at += 2 * shape.reduce((product, n) => product * n, 1)
    return [name, { dtype: 'F16', shape, data_offsets: [start, at] }]
  })
  const json = { ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) }
  return withHeader(json, Buffer.alloc(at))
}

const MODULE = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_k'

/** A LoRA of one module, and so much more of it that its data is far larger than its header. */
export function loraFile(metadata?: Readonly<Record<string, string>>, rank = 4): Buffer {
  return safetensorsFile(
    { [`${MODULE}.lora_down.weight`]: [rank, 320], [`${MODULE}.lora_up.weight`]: [320, rank] },
    metadata,
  )
}

/** A pickle that would run a command: `posix.system("id")`. */
export function maliciousPickle(): Buffer {
  const command = Buffer.from('id')
  return Buffer.concat([
    Buffer.from([0x80, 2, 0x63]),
    Buffer.from('posix\nsystem\n'),
    Buffer.from([0x58, command.byteLength, 0, 0, 0]),
    command,
    Buffer.from([0x85, 0x52, 0x2e]),
  ])
}

/** A LoRA whose alphas are all 3: in single precision they lie together, as safetensors puts wide types first. */
export function loraWithAlphas({
  modules,
  rank,
  alpha,
}: {
  readonly modules: number
  readonly rank: number
  readonly alpha: 'F16' | 'F32'
}): Buffer {
  const three = alpha === 'F32' ? Buffer.from(Float32Array.of(3).buffer) : Buffer.from([0x00, 0x42])
  const tensors = Array.from({ length: modules }, (_, i) => `${MODULE}${i}`).flatMap((name) => [
    { name: `${name}.alpha`, dtype: alpha, shape: [], data: three },
    { name: `${name}.lora_down.weight`, dtype: 'F16', shape: [rank, 320], data: Buffer.alloc(640 * rank) },
    { name: `${name}.lora_up.weight`, dtype: 'F16', shape: [320, rank], data: Buffer.alloc(640 * rank) },
  ])
  const sorted = [...tensors.filter(({ dtype }) => dtype === 'F32'), ...tensors.filter(({ dtype }) => dtype === 'F16')] // biome-ignore format: two halves
  let at = 0
  const entries = sorted.map(({ name, dtype, shape, data }) => {
    const start = at
    at += data.byteLength
    return [name, { dtype, shape, data_offsets: [start, at] }]
  })
  return withHeader(Object.fromEntries(entries), ...sorted.map(({ data }) => data))
}

function withHeader(json: object, ...data: readonly Buffer[]): Buffer {
  const header = Buffer.from(JSON.stringify(json))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.byteLength))
  return Buffer.concat([length, header, ...data])
}

/** As `torch.save` before 1.6: tensors `w0`, `w1` ... of `count` floats, each in a storage of its own. */
export function legacyFile(tensors: number, count: number): Buffer {
  const tuple = (...items: readonly Uint8Array[]) => asm.pickle(asm.MARK, ...items, asm.TUPLE)
  const names = Array.from({ length: tensors }, (_, i) => String(i))
  const list = (name: string) => asm.pickle(asm.unicode(name), asm.APPEND)
  const entry = (name: string) =>
    asm.pickle(
      asm.unicode(`w${name}`),
      asm.global('torch._utils', '_rebuild_tensor'),
      asm.MARK,
      tuple(
        asm.unicode('storage'),
        asm.global('torch', 'FloatStorage'),
        asm.unicode(name),
        asm.unicode('cpu'),
        asm.integer(count),
        asm.NONE,
      ),
      asm.BINPERSID,
      asm.integer(0),
      tuple(asm.integer(count)),
      tuple(asm.integer(1)),
      asm.TUPLE,
      asm.REDUCE,
      asm.SETITEM,
    )
  const pickles = [
    asm.long1(Buffer.from('6cfc9c46f9206aa85019', 'hex')),
    asm.integer(1001),
    asm.pickle(asm.EMPTY_DICT, asm.unicode('little_endian'), asm.TRUE, asm.SETITEM),
    asm.pickle(asm.EMPTY_DICT, ...names.map(entry)),
    asm.pickle(asm.EMPTY_LIST, ...names.map(list)),
  ]
  const storage = Buffer.alloc(8 + 4 * count)
  storage.writeBigInt64LE(BigInt(count))
  return Buffer.concat([
    ...pickles.map((body) => asm.pickle(asm.proto(2), body, asm.STOP)),
    ...names.map(() => storage),
  ])
}
