import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  madeFromLive: 'UNet: it was made from the live weights of the base instead of its EMA copy',
  madeFromEma: 'UNet: it was made from the EMA copy of the base instead of its live weights',
  lowestPsnr: (psnr: string, limit: number) => `lowest PSNR ${psnr}; ${limit} dB pass`,
  identicalImages: (limit: number) => `identical images; ${limit} dB pass`,
  comparedWith: (name: string, others: readonly string[]) => `${name} compared with ${others.join(', ')}`,
  computingWeights: (component: string) => `computing weights of the ${component}`,
  loading: (component: string) => `loading the ${component}`,
  imageOf: (image: number, count: number) => `image ${image} of ${count}`,
  cannotCombine: (options: readonly string[]) =>
    `${options.map((name) => `--${name}`).join(' and ')} cannot be combined`,
  namesAre: (names: readonly string[], nearest: string | undefined) =>
    nearest === undefined
      ? `Choose one of ${names.join(', ')}.`
      : `Did you mean ${nearest}? Choose one of ${names.join(', ')}.`,
  numberFrom: (option: string, given: string, least: number, most: number) =>
    `--${option} ${quoted(given)}: it takes a number from ${least} to ${most}`,
  wholeNumberFrom: (option: string, given: string, least: number, most: number) =>
    `--${option} ${quoted(given)}: it takes a whole number from ${least} to ${most}`,
  needsPrompt: (option: string) => `--${option} needs a --prompt`,
  promptsHaveTheirOwn: 'The verification prompts have their own.',
  gridNeedsPrompt: '--grid is for the images of a --prompt',
  oneSheetAlready: 'Everything else is on one sheet anyway.',
  checkWithout: (option: string) =>
    `--check cannot be combined with --${option}: the recipe says what is in the file`,
  renderModel: 'To see what a model renders with it, give the model: sdtool render model.safetensors',
  methodNeedsMerge: '--merge-method needs a model to merge',
  nameMerge: 'Give it with --merge.',
  mergeNeedsAlpha: '--merge and --sweep alpha=... only work together',
  mergeExample: 'For example --merge b.safetensors --sweep alpha=0..1:0.25',
  mergeWithoutEma: '--merge cannot be combined with --ema',
  writeMergeFirst: 'Write the merge, and render that.',
  noLoras: '--allow-unmatched is for LoRAs, and none was given',
  nameLora: 'Give one with --lora, or in the prompt.',
  sweptOption: (option: string) => `--${option} and --sweep ${option}=... cannot be combined`,
  onlySweptValues: 'The sheet only has the values of --sweep.',
  sweepExample: 'For example --sweep style=0..1:0.25, or --sweep style=0.4,0.7,1.',
  loraAt: (name: string, ratio: number) => `${name} at ${ratio}`,
  withVae: (models: string, vae: string) => `${models}, VAE ${vae}`,
  settings: (method: string, steps: number, cfg: number, size: string, rng: string) =>
    `${method}, ${steps === 1 ? '1 step' : `${steps} steps`}, CFG ${cfg}, ${size}, RNG ${rng}`,
  checkTakesOne: '--check takes one file',
  checkExample: 'Its inputs are found by its recipe: sdtool render --check merged.safetensors',
  checkWithoutLoras:
    '--check cannot be combined with LoRAs in the prompt: the recipe says what is in the file',
  noRecipe: (path: string) =>
    `${path} has no recipe of sdtool in its metadata, so nothing says what it should be`,
  useCompare: 'To compare it with another model, use --compare.',
  madeOf: (name: string, operation: string) => `${name}: ${operation} of`,
  itsRecipe: 'its recipe',
  recipeLive: 'recipe, applied live',
  theBase: (name: string) => `${name}, the base`,
  otherWeights: 'the other weights',
  checkNotRendered: (name: string) => `FAILED: ${name} cannot be rendered, but what its recipe says can`,
  checkPassed: (name: string, figure: string) => `passed: ${name} renders what its recipe says (${figure})`,
  checkFailed: (name: string, figure: string) =>
    `FAILED: ${name} does not render what its recipe says (${figure})`,
  checkUndecided: (name: string, limit: number, figure: string) =>
    `undecided: ${name} renders what its recipe says, but so does its base, above ${limit} dB (${figure}). Give a --prompt that shows what was merged`,
  compareNeedsModel: '--compare needs the name of a model',
  promptWithSeed: (prompt: string, seed: number | bigint) => `${prompt} (seed ${seed})`,
  difference: (gain: number) => `difference x ${gain}`,
  comparisonNotes:
    'Differences are from the first column, per channel, times the number above them; mean: of |difference|, out of 255; changed: pixels with a channel off by more than 1. PSNR over all channels, SSIM after Wang et al. 2004.',
  exampleSheet: 'Four verification prompts on one sheet: is the model sound?',
  exampleSeeds: 'Four images with A1111 parameters in them',
  exampleLora: 'What a merge would render, without writing it',
  exampleCompare: 'The same images from each model, and their differences',
  exampleSweep: 'Ratios of a LoRA side by side, without writing anything',
  exampleCheck: 'Whether a file renders what its recipe says',
  model: 'Checkpoint of Stable Diffusion 1.x, 2.x or XL: safetensors or ckpt, any precision',
  imageLine: (path: string, seed: number | bigint) => `${path}  seed ${seed}`,
  sheetLine: (sheet: string, count: number) => `${sheet}  sheet of ${count}`,
  noModel: 'no model was given',
  giveCheckpoint: 'Give a checkpoint: sdtool render model.safetensors',
  severalModels: (model: string, others: string) => `several models were given: ${model}, ${others}`,
  oneAfterAnother: 'Render one after the other.',
  onlyPng: (output: string) => `-o ${output}: sdtool writes PNG, so the name must end in .png`,
  endWithSlash: 'For a folder, end the name with a slash.',
  oneFileForSeveral: (output: string) => `-o ${output} is one file, but there are several images`,
  giveFolder: 'Give a folder: -o pictures/',
  sweepTimes: (times: number) => `--sweep was given ${times} times`,
  columnsAndRows: 'A sheet has columns and rows: give --sweep once or twice.',
  sweepTwice: (name: string) => `--sweep names ${name} twice`,
  differentThings: 'Columns and rows must be of different things.',
  tooManyValues: (arg: string, count: number, limit: number) =>
    `--sweep ${arg}: ${count} values, at most ${limit} fit on a sheet`,
  largerStep: 'Use a larger step.',
  valueTwice: (arg: string) => `--sweep ${arg}: a value is given twice`,
  emptyRange: (arg: string) => `--sweep ${arg}: the step or the range is 0`,
  notANumber: (arg: string, text: string) => `--sweep ${arg}: ${quoted(text)} is not a number`,
  sweepForm: (arg: string) => `--sweep ${arg}: give what to change, and its values`,
  mergeWithoutLoras: '--merge cannot be combined with LoRAs',
  writeMergeForLoras: 'Write the merge, and render that with them.',
  negativeCfg: (cfg: number) => `--sweep cfg: ${cfg} is less than 0`,
  notSteps: (steps: number) => `--sweep steps: ${steps} is not a number of steps`,
  noLorasToSweep: '--sweep lora=... changes the LoRAs of --lora, and there are none',
  sweepOneLora: 'Give one: --sweep style=0..1:0.25',
  unknownName: (option: string, name: string) => `--${option} ${quoted(name)}: no such ${option}`,
  badSeed: (given: string, limit: bigint) =>
    `--seed ${quoted(given)}: a seed is a whole number from 0 to ${limit}, or -1 for a random one`,
  notASize: (given: string) => `--size ${quoted(given)} is not a size`,
  sizeForm: 'Write it as 512x768, width first.',
  sizeLimits: (given: string, sizeMultiple: number, least: number, most: number) =>
    `--size ${given}: both sides must be multiples of ${sizeMultiple} from ${least} to ${most}`,
})
