/** Ratios of blocks that have a name. */

/**
 * For LoRAs of SD 1.x and 2.x, whose list has 17 numbers (`BLOCK_LISTS`). Source: the presets
 * hako-mikan/sd-webui-lora-block-weight is installed with.
 */
export const LISTED_PRESETS: Readonly<Record<string, readonly number[]>> = {
  INS: [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  IND: [1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  INALL: [1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  MIDD: [1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
  OUTD: [1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0],
  OUTS: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
  OUTALL: [1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
}

/** For every block of any model. */
export const EVEN_PRESETS: Readonly<Record<string, number>> = { ALL: 1, 'ALL0.5': 0.5 }

/** Zeros, in the same source: in a tag, a ratio of 0. `--blocks` has no use for it. */
export const NO_BLOCKS = 'NONE'
