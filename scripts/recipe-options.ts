/** Defaults and meanings of the options of recipes, by the verb. Names and types come from the schemas. */
import { DEFAULT_RANK } from '../src/operations/lora/factor-options.ts'
import { MERGE_METHODS } from '../src/tensor/merge/registry.ts'

/** What an option is where the recipe has none, and what it does. */
export type OptionText = readonly [byDefault: string, meaning: string]

type OptionTexts = Readonly<Record<string, OptionText>>

const NO = 'false'
const ALL_WEIGHTS_KEEP = 'every weight keeps its type'

const FACTOR_OPTIONS: OptionTexts = {
  rank: [`\`fixed\`, limit ${DEFAULT_RANK}`, 'how many singular values of each layer are kept'],
  convRank: ['the limit of `rank`', 'limit for convolutions with a kernel larger than 1x1'],
  seed: ['0', 'of the random sketches: the same seed gives the same file'],
}

/** One entry for each verb; of a verb of several operations, for each of them in the order of its schema. */
export const RECIPE_OPTIONS: Readonly<Record<string, readonly (readonly [title: string, OptionTexts])[]>> = {
  convert: [
    [
      'a model file, to another container or other types',
      {
        to: ['`safetensors`', 'container of the output; `ckpt` is a torch zip'],
        dtype: [ALL_WEIGHTS_KEEP, 'types of the weights'],
      },
    ],
    [
      'a model file, to other names of its transformer',
      {
        to: ['required', 'the names of its authors, or those as ComfyUI saves them'],
        dtype: [ALL_WEIGHTS_KEEP, 'types of the weights'],
      },
    ],
    [
      'the files of a diffusers folder, to one file',
      {
        to: ['required', 'tells this operation from the others'],
        parts: ['required', 'the network that each input is of, or a shard of, in the order of `inputs`'],
        prediction: ['not known', '`prediction_type` of the scheduler of the folder'],
        zeroSnr: [NO, '`rescale_betas_zero_snr` of the scheduler'],
        dtype: [ALL_WEIGHTS_KEEP, 'one type for all weights'],
      },
    ],
    [
      'a model file, to one file of a diffusers folder',
      {
        to: ['required', 'tells this operation from the others'],
        part: ['required', 'the network; each file of a whole folder has its own recipe'],
        shard: ['all of it', 'which of how many files of up to 10 GB; the first is 1'],
        dtype: [ALL_WEIGHTS_KEEP, 'one type for all weights'],
      },
    ],
  ],
  prune: [
    [
      'a smaller checkpoint',
      {
        ema: [
          '`only` where there is a usable EMA copy',
          'the EMA copy: its values replace the live weights, it goes, or both stay',
        ],
        dtype: [ALL_WEIGHTS_KEEP, 'types of the weights'],
        keep: ['all', 'only these components, and what says how to use them'],
        drop: ['none', 'components that are left out'],
        keepSchedule: [NO, 'keep the buffers of the usual noise schedule'],
      },
    ],
  ],
  merge: [
    [
      'several models, which are A, B, C ... in the order of `inputs`',
      {
        method: [`\`${MERGE_METHODS[0]!.id}\``, 'see `sdtool merge --help`'],
        alpha: ['that of the method', 'one number, or one for each model after the first'],
        beta: ['that of the method', 'second number of some methods'],
        density: ['that of the method', 'share of the differences that is kept, above 0 and at most 1'],
        seed: ['0', 'of methods with random choices: a whole number from 0 to 4294967295'],
        blocks: [
          '`alpha` everywhere',
          'alpha of blocks: `IN04=0.5` and so on, a list of numbers, or the name of one',
        ],
        betaBlocks: ['`beta` everywhere', 'the same for beta'],
        keys: ['none', 'alpha of keys: a pattern, `=`, a number'],
        vae: [
          'that of A',
          'whose VAE: the letter of a model, `file` (the last input, which is not merged), `blend` (of all models)',
        ],
        only: ['both', 'merge this half, the other one is that of A'],
        dtype: ['types of A', 'types of the weights'],
        allowMissing: [NO, 'keep the tensor of A where another model has none'],
        allowMixed: [NO, 'merge models that predict different things'],
      },
    ],
  ],
  'merge-lora': [
    [
      'a base, then LoRAs',
      {
        loras: [
          'required',
          'for each input after the base: `ratio`, times those of single `blocks` (`IN04=0.5,OUT*=0`, a list of numbers, or the name of one)',
        ],
        dtype: ['types of the base', 'types of the weights'],
        only: ['both', 'merge only into this half'],
        include: ['all', 'patterns of modules, or of keys of the base, with `*` and `?`'],
        exclude: ['none', 'the same, of what is not merged'],
        allowUnmatched: [NO, 'leave out modules that fit nowhere'],
        ema: ['`drop`', 'an EMA copy of weights that change: it goes, or is merged into as well'],
      },
    ],
  ],
  'bake-vae': [
    [
      'a checkpoint, then a VAE or a checkpoint with one',
      { dtype: ['that of the VAE it replaces', 'type of the VAE; `keep`: that of its file'] },
    ],
  ],
  extract: [
    [
      'one component of a model',
      {
        component: ['required', 'id of the component'],
        dtype: [ALL_WEIGHTS_KEEP, 'type of the weights'],
      },
    ],
  ],
  'extract embeddings': [
    [
      'a file, and the base it was trained from where words with changed vectors are looked for',
      {
        prompt: ['none', 'text whose words become the vectors'],
        name: ['that of the embedding, or of the file', 'name of the embedding'],
        format: ['`safetensors`', 'format of the output'],
        each: [NO, 'each token of the table by itself, not each run of them'],
        only: ['there is one', 'which of several, from 1'],
      },
    ],
  ],
  join: [
    [
      'a UNet or transformer, then files with text encoders and a VAE',
      {
        parts: ['required', 'what is taken of each input after the first, in the order of `inputs`'],
        dtype: [ALL_WEIGHTS_KEEP, 'types of the weights'],
      },
    ],
  ],
  'extract lora': [
    [
      'a fine-tuned model, then its base',
      {
        ...FACTOR_OPTIONS,
        dtype: ['`fp16`', 'type of the factors'],
        algo: ['`lora`', 'which layers; `locon`: convolutions as well'],
        only: ['both', 'only the UNet, or only the text encoders'],
      },
    ],
  ],
  'lora merge': [
    [
      'LoRAs',
      {
        ratios: ['required', 'strengths, in the order of `inputs`'],
        dtype: ['the widest of the LoRAs', 'type of the factors'],
      },
    ],
  ],
  'lora convert': [
    [
      'a LoRA',
      {
        to: ['', 'whose names it gets'],
        network: ['all of it', 'the part of the model; a file of PEFT is for one'],
      },
    ],
  ],
  'lora resize': [
    ['a LoRA', { ...FACTOR_OPTIONS, dtype: ['that of most of its factors', 'type of the factors'] }],
  ],
}
