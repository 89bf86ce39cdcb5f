/** Scales of fp8 weights, as ComfyUI and other quantisers write them. */
const RE_FP8_SCALE = /(?:^|\.)(?:scaled_fp8|scale_weight|scale_input|weight_scale|input_scale)$/

/** The key belongs to fp8 weights that are only right together with their scales. */
export function isFp8Scale(name: string): boolean {
  return RE_FP8_SCALE.test(name)
}
