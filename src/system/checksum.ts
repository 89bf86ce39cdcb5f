/** A run of bytes of the output, as it was computed. */
export interface Checksum {
  readonly offset: number
  readonly bytes: number
  readonly crc32: number
}
