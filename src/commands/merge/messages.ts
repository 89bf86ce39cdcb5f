/** Texts of `merge`: help, wrong usage, page. */
import { catalogue } from '../../system/language.ts'

/** The numbers that a method takes, as people read them. */
interface MethodNumbers {
  readonly alpha: string
  /** What alpha is by default, where that is one number. */
  readonly alphaDefault?: number
  readonly beta?: number
  readonly density?: number
}

export const messages = catalogue({
  example: 'A weighted sum: 0.7 a + 0.3 b',
  exampleDifference: 'What tuning did to base, added to mine',
  exampleBlocks: 'A different alpha for each block, and for cross attention',
  exampleDryRun: 'Show the plan; nothing is written',
  files:
    'Checkpoints A, B, C ..., or other networks with the same tensors. A gives names, types, metadata, and everything that is not merged',
  method: 'How; see below',
  alpha: 'Share or strength, or one for each further model: 0.3,0.2',
  beta: 'Second number of sum-twice and tensor-swap',
  density: 'Share of the differences that ties and dare keep',
  seed: 'For the random choices of dare',
  blocks:
    'Alpha of blocks: IN04=0.5,OUT*=0, layers.3=0.2 (see below), a list of 25 or 26 (SDXL: 19, 20, 21), or a name: GRAD_V, WRAP12 ...',
  blocksBeta: 'The same for beta',
  keys: 'Alpha of keys that match a pattern: "*attn2*=0.2". Repeatable',
  vae: 'Which VAE: a, b ..., a file, or blend (which gives washed-out pictures)',
  only: 'Merge only the UNet, or only the text encoders',
  dtypeDefault: 'that of each weight of A',
  allowMissing: 'Keep what A has where another model has nothing',
  allowMixed: 'Merge models that predict noise with models that predict velocity',
  verifyDefault: 'what was computed',

  twoModels: 'name two or more models',
  twoModelsHint: 'sdtool merge a.safetensors b.safetensors --alpha 0.3',
  notNumber: (option: string, text: string) => `--${option} ${text}: not a number`,

  methods: 'Methods (A, B, C: the models in their order):',
  methodNumbers({ alpha, alphaDefault, beta, density }: MethodNumbers, definition: string) {
    const numbers = [
      alphaDefault === undefined ? `alpha: ${alpha}` : `alpha: ${alpha} (${alphaDefault})`,
      ...(beta === undefined ? [] : [`beta (${beta})`]),
      ...(density === undefined ? [] : [`density (${density})`]),
    ]
    return `${numbers.join('; ')}. ${definition}`
  },
  model: 'model',
  file: 'file',
  what: 'what',
})
