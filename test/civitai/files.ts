/** Small files as people download them. */

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
  const header = Buffer.from(
    JSON.stringify({ ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) }),
  )
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.byteLength))
  return Buffer.concat([length, header, Buffer.alloc(at)])
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
