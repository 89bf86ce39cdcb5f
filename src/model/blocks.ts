/** Blocks of a UNet as block-weighted merges number them; everything outside of the UNet is BASE. */
const LABELS: readonly (readonly [pattern: RegExp, label: string])[] = [
  [/^input_blocks\.(\d+)\./, 'IN'],
  [/^middle_block\./, 'M00'],
  [/^output_blocks\.(\d+)\./, 'OUT'],
  // supermerger's choice; sd-mecha counts them as BASE
  [/^(?:time_embed|label_emb)\./, 'IN00'],
  [/^double_blocks\.(\d+)\./, 'D'],
  [/^single_blocks\.(\d+)\./, 'S'],
]

/**
 * Label of the block a UNet key belongs to: `IN04`, `M00`, `OUT11`, `BASE`; `D07`, `S31` in Flux.
 * @param key in ldm layout, without the prefix of the UNet
 * @param outputBlocks 12 for SD 1.x and 2.x, 9 for SDXL: the final convolution counts as the last of them
 */
export function blockLabel(key: string, outputBlocks: number): string {
  if (/^out\./.test(key)) return numbered('OUT', outputBlocks - 1)
  for (const [pattern, label] of LABELS) {
    const match = pattern.exec(key)
    if (match !== null) return match[1] === undefined ? label : numbered(label, Number(match[1]))
  }
  return 'BASE'
}

function numbered(label: string, n: number): string {
  return `${label}${String(n).padStart(2, '0')}`
}
