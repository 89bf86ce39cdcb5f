import type { Relation } from '../../civitai/api/lookup.ts'
import { catalogue } from '../../system/language.ts'

const PREFIXES: Readonly<Record<Relation, string>> = {
  same: '',
  'same-weights': 'weights of ',
  'made-from': 'made from ',
  'maybe-made-from': 'probably made from ',
}

export const messages = catalogue({
  exampleFolder: 'Names, versions, trigger words, and which models have a newer version',
  exampleWrite: 'Also write the .civitai.info files, previews and notes of A1111 that are missing',
  exampleRename: 'What the file would be called',
  filesArgument: 'Model files or folders',
  writeOption: 'Write missing files next to the models: see --sidecars',
  renameOption:
    'Rename files to model_version, together with the files next to them. Prompts that name a LoRA must follow',
  dryRunOption: 'Show new names, write nothing',

  fileColumn: 'file',
  isColumn: 'is',
  versionColumn: 'version',
  baseColumn: 'base',
  newerColumn: 'newer',
  triggerWordsColumn: 'trigger words',
  unknown: 'unknown',
  related: (relation: Relation, model: string) => PREFIXES[relation] + model,

  wouldRename: (from: string, to: string, others: number) =>
    others === 0
      ? `would rename ${from} to ${to}`
      : `would rename ${from} to ${to} (with ${others} ${others === 1 ? 'file' : 'files'} next to it)`,
  renamed: (from: string, to: string, others: number) =>
    others === 0
      ? `renamed ${from} to ${to}`
      : `renamed ${from} to ${to} (with ${others} ${others === 1 ? 'file' : 'files'} next to it)`,
  wrote: (path: string) => `wrote ${path}`,
  problemWith: (name: string, problem: string) => `${name}: ${problem}`,
  renameShared: (path: string, companion: string, twin: string) =>
    `${path} was not renamed: ${companion}, and the other files next to it, belong to ${twin} as well`,
  renameTaken: (from: string, to: string, taken: string) =>
    `${from} would become ${to}, but ${taken} already exists`,
})
