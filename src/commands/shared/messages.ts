import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'

/** Options that several commands have, and the page of a command that writes models. */
export const messages = catalogue({
  jsonOption: 'Print one JSON document instead of text',
  quietOption: 'Print only the paths of results, and no progress',
  verboseOption: 'More detail, and the stack trace of an error',
  outputOption: 'File to write, or folder for several',
  forceOption: 'Replace existing files',
  dryRunOption: 'Show what would be written, but write nothing',
  verifyOption: 'Read back and compare every tensor',
  copySidecarsOption: 'Copy the files next to the source that have its name: .yaml, previews, notes',
  hashOption: 'Put the SHA-256 of large inputs into the recipe, too',
  inputHashesOption: 'SHA-256 and AutoV3 of all inputs for the recipe; --no-hash: only of those up to 512 MB',
  modelsOption: 'Folder of A1111, Forge, ComfyUI or your own where bare names are looked up. Repeatable',
  siteOption: 'Address of the site: https://civitai.red, or your own',
  siteDefault: (url: string) => `SDTOOL_CIVITAI_URL or ${url}`,
  previewOption: 'Show the picture in the terminal (kitty, iTerm2, sixel, or half blocks)',
  sidecarsOption: 'Files to write next to a model: info, preview, a1111, or none',
  sidecarsDefault: 'info,preview; a1111 in its folders',

  optionRepeated: (name: string, times: number) => `--${name} was given ${times} times`,
  giveOnce: 'Give it once.',
  optionNeedsValue: (name: string) => `--${name} needs a value`,
  invalidChoice: (name: string, value: string) => `--${name} ${value}: not a valid choice`,
  validChoices: (choices: string) => `Choices are ${choices}.`,
  twoTypesForAll: '--dtype gives two types for all components',
  nameComponent: 'Name the component: --dtype vae=fp32.',
  twoTypesFor: (component: string) => `--dtype gives two types for ${component}`,
  unknownType: (type: string) => `--dtype ${type}: unknown type`,
  validTypes: (types: string) => `Types are ${types}.`,
  unknownComponent: (option: string, name: string) => `--${option} ${name}: unknown component`,
  validComponents: (components: string) => `Components are ${components}.`,
  notSiteAddress: (origin: string) => `${origin} is not the web address of a site`,
  siteExample: (url: string) => `It looks like ${url}.`,

  note: (text: string) => `sdtool: ${text}`,
  moreSkipped: (paths: string, unlisted: number) => `${paths} and ${plural(unlisted, 'other')}`,
  noPreview: 'no preview: the output is not a terminal with colours',

  changed: 'changed',
  tensors: 'tensors',
  relativeChange: 'change / weights',
  lostToRounding: 'lost to rounding',
  verified: (facts: {
    readonly bytes: string
    readonly tensors: number
    readonly rows: number
    readonly exact: number
    readonly worst: string
  }) =>
    `verified: ${facts.bytes} of ${plural(facts.tensors, 'changed tensor')} read back; ` +
    `${plural(facts.rows, 'row')} of them computed again in binary64: ${facts.exact} % correctly rounded, ` +
    `none off by more than ${facts.worst} ulp`,

  action: 'action',
  what: 'what',
  before: 'before',
  after: 'after',
  why: 'why',
  tensorCount: (n: number) => plural(n, 'tensor'),
  wouldWrite: (what: string) => `would write ${what}`,
  /** Stands before the name of the file, and may be coloured. */
  wrote: 'wrote',
  seconds: (seconds: string) => `${seconds} s`,
  nothingWritten: 'nothing written',
  outcomeCount: (n: number, status: 'written' | 'planned' | 'skipped' | 'failed') => `${n} ${status}`,
  filesSummary: (files: number, outcomes: string, before: string, after: string) =>
    `${plural(files, 'file')}: ${outcomes}; ${before} -> ${after}`,
})
