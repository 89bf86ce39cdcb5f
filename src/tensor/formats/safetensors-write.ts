import type { Container } from '../write/container.ts'
import { encodeHeader, layoutOf } from '../write/layout.ts'
import { safetensorsFormat } from './safetensors.ts'

export const SAFETENSORS: Container = {
  frame(table) {
    const layout = layoutOf(table)
    const header = encodeHeader(layout, table.metadata)
    return {
      layout,
      dataStart: header.byteLength,
      bytes: header.byteLength + layout.dataBytes,
      pieces: () => [{ offset: 0, data: header }],
      needsChecksums: false,
    }
  },
  open: (source) => safetensorsFormat.open(source),
  metadataOf: ({ metadata }) => metadata,
}
