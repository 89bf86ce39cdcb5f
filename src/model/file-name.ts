/** How names of model files end; whatever else stands behind a dot belongs to the name. */
export const MODEL_ENDINGS = [
  '.safetensors',
  '.sft',
  '.ckpt',
  '.pt',
  '.pth',
  '.bin',
  '.gguf',
  '.pkl',
] as const

const RE_ENDING = new RegExp(`(?:${MODEL_ENDINGS.join('|').replaceAll('.', '\\.')})$`, 'i')

/** The name of a model file without its ending. */
export function stemOf(fileName: string): string {
  return fileName.replace(RE_ENDING, '')
}
