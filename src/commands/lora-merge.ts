import { existsSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { EXIT, type ExitCode, refuse, usage } from '../errors.ts'
import { withModels } from '../library/session.ts'
import { baseById } from '../model/adapters/base.ts'
import type { FactorDType } from '../model/lora/factors.ts'
import { type LoraMerge, type LoraToMerge, mergeLoras } from '../model/lora/merge.ts'
import { mergedMetadata } from '../model/lora/merge-metadata.ts'
import { rankMetadata } from '../model/lora/metadata.ts'
import { mergedName, stemOf } from '../model/output-name.ts'
import type { Plan } from '../model/plan.ts'
import { derivedMetadata } from '../operations/output/metadata.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { outputPlaces } from '../operations/output/place.ts'
import {
  type PlannedFile,
  type RehearsedFile,
  rehearseFile,
  type WrittenFile,
  writePlannedFile,
} from '../operations/output/write-file.ts'
import { formatTable } from '../report/table.ts'
import { painter, plural } from '../report/text.ts'
import type { Io } from '../system/world.ts'
import type { ModelFile } from '../tensor/table.ts'
import { printable } from '../tensor/text.ts'
import type { Arguments, Command } from './command.ts'
import { madeLine } from './extracted-files.ts'
import { findingLines } from './findings-text.ts'
import { toJson } from './inspect-json.ts'
import { resolveLora } from './lora-aliases.ts'
import { type LoraArgument, loraArguments } from './lora-arguments.ts'
import { loraFile } from './lora-files.ts'
import { FACTOR_DTYPES, factorTypeName } from './lora-options.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { filledText, list, namedFiles, outputOptions, withOutputOptions } from './options.ts'
import { recipeArguments } from './recipe-options.ts'

export const loraMergeCommand: Command = {
  positionals: '[files..]',
  examples: [
    [
      '$0 lora merge style.safetensors:0.7 detail.safetensors:0.5',
      'Write style-0.7-detail-0.5.safetensors, the exact sum of both',
    ],
    [
      '$0 lora merge a b --ratio 0.8 --dtype fp32 -o mix.safetensors',
      'In full precision, under a name of its own',
    ],
  ],
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', {
        type: 'string',
        array: true,
        describe: 'LoRAs: name, name:0.7, name:0.7:0.5 (UNet:text encoder)',
      })
      .option('ratio', {
        type: 'string',
        nargs: 1,
        describe: 'Strength, for all or one each: 0.7,0.3. Repeatable',
        defaultDescription: '1',
      })
      .option('dtype', {
        choices: Object.keys(FACTOR_DTYPES),
        describe: 'Type of the factors',
        defaultDescription: 'the widest of the LoRAs',
      }),
  run: runLoraMerge,
  replay(options, files) {
    const { ratios: ratio, dtype } = recipeArguments(options, { ratios: 'ratios', dtype: 'text' })
    if (ratio === undefined) throw refuse('RECIPE_INVALID', 'the recipe has no ratios')
    return { files, ratio, dtype }
  },
  async replan(inputs, args) {
    const loras = loraArguments(namedFiles(args), list(args, 'ratio'), () => true)
    const files: LoraToMerge[] = []
    for (const [i, { path, opened }] of inputs.entries())
      files.push({ file: await loraFile(path, opened), ratio: loras[i]!.ratio })
    const { table } = await mergeLoras(files, wantedType(args))
    return { table, steps: [], findings: [] }
  },
}

async function runLoraMerge(args: Arguments, io: Io): Promise<ExitCode> {
  const named = namedFiles(args)
  if (named.length === 0) throw usage('no LoRA was named', 'Name two or more: sdtool lora merge a:0.7 b:0.5.')
  const loras = loraArguments(named, list(args, 'ratio'), existsSync)
  if (loras.length < 2)
    throw usage('one LoRA cannot be merged with nothing', 'Name two or more: sdtool lora merge a:0.7 b:0.5.')
  checkNoBlocks(loras)
  const output = outputOptions(args)
  const folders = modelFolders(args, io)
  const paths: string[] = []
  for (const { name } of loras) paths.push(await resolveLora(name, folders, io))
  await withModels(paths, io, async (opened) => {
    const inputs: LoraToMerge[] = []
    for (const [i, { ratio }] of loras.entries())
      inputs.push({ file: await loraFile(paths[i]!, opened[i]!), ratio })
    const merge = await mergeLoras(inputs, wantedType(args))
    const models = opened.map(({ model }) => model)
    const job = await plannedFile(merge, inputs, models, loras, output, io)
    const file = output.dryRun
      ? await rehearseFile(job, output)
      : (await writePlannedFile(job, output, io)).file
    print(inputs, merge, file, output, io)
  })
  return EXIT.ok
}

function wantedType(args: Arguments): FactorDType | undefined {
  return FACTOR_DTYPES[filledText(args, 'dtype') ?? '']
}

/** @throws USAGE */
function checkNoBlocks(loras: readonly LoraArgument[]): void {
  const other = loras.find(({ blocks }) => blocks !== undefined)
  if (other === undefined) return
  throw usage(
    `${other.name} has ratios of blocks, which depend on the model it is for`,
    'Merge it into the checkpoint: sdtool merge-lora takes them.',
  )
}

async function plannedFile(
  merge: LoraMerge,
  inputs: readonly LoraToMerge[],
  models: readonly ModelFile[],
  loras: readonly LoraArgument[],
  output: OutputOptions,
  io: Io,
): Promise<PlannedFile> {
  const [first] = inputs as [LoraToMerge]
  const said = mergedMetadata(
    inputs.map(({ file }) => ({ name: stemOf(basename(file.name)), metadata: file.table.metadata })),
  )
  const findings = [...merge.findings, ...said.findings]
  const plan: Plan = { table: merge.table, steps: [], findings, sum: true }
  const names = loras.map(({ ratio: { unet, text } }, i) => {
    const ratio = unet === 1 && text === 1 ? '' : unet === text ? `-${unet}` : `-${unet}-te${text}`
    return stemOf(basename(inputs[i]!.file.name)) + ratio
  })
  const placeOf = await outputPlaces(
    { files: [{ path: first.file.name, relative: basename(first.file.name) }], walked: false },
    output.output,
  )
  const target = placeOf(
    { path: first.file.name, relative: basename(first.file.name) },
    mergedName(names[0]!, names.slice(1), plan),
  )
  const operation = {
    ...output,
    verb: 'lora merge',
    options: {
      ratios: loras.map(({ ratio: { unet, text } }) => (unet === text ? unet : { unet, text })),
      dtype: factorTypeName(merge.dtype),
    },
  }
  const facts = factsOf(inputs, target)
  return {
    plan,
    output: target,
    inputs: models.map(({ file }) => file),
    metadata: () =>
      derivedMetadata(
        models,
        { ...said.metadata, ...numbersOf(merge), ss_output_name: facts.title },
        facts,
        operation,
        io,
      ),
  }
}

function numbersOf({ modules }: LoraMerge): Record<string, string> {
  const ranks = modules.map(({ rank }) => rank)
  const alphas = new Set(modules.map(({ alpha }) => alpha))
  const [alpha] = alphas
  return alphas.size === 1 && alpha !== undefined
    ? rankMetadata({ ranks, alpha })
    : { ...rankMetadata({ ranks }), ss_network_alpha: 'Dynamic' }
}

function factsOf(inputs: readonly LoraToMerge[], target: string) {
  const base = inputs.find(({ file }) => file.adapter.base.architecture !== undefined)?.file.adapter.base
    .architecture
  const family = base && baseById(base).modelspec
  return {
    title: basename(target, extname(target)),
    mergedFrom: inputs.map(({ file }) => stemOf(basename(file.name))).join(', '),
    ...(family === undefined ? {} : { architecture: `${family}/lora` }),
  }
}

function print(
  inputs: readonly LoraToMerge[],
  { modules, dtype }: LoraMerge,
  file: RehearsedFile | WrittenFile,
  output: OutputOptions,
  io: Io,
): void {
  const ranks = modules.map(({ rank }) => rank)
  const rounded = modules.filter((module) => module.rounded).length
  const facts = { modules: modules.length, ranks: [Math.min(...ranks), Math.max(...ranks)], dtype, rounded }
  if (output.json) {
    const loras = inputs.map(({ file: { name, adapter }, ratio }) => ({
      name,
      ratio,
      modules: adapter.modules,
    }))
    const results = [{ ...file, loras, ...facts }]
    io.stdout.write(`${toJson({ command: 'lora merge', dryRun: output.dryRun, results })}\n`)
    return
  }
  const paint = painter(io.stdout, io.env)
  const rows = inputs.map(({ file: { name, adapter }, ratio: { unet, text } }) => [
    printable(basename(name), 80),
    unet === text ? String(unet) : `${unet}:${text}`,
    String(adapter.modules),
    adapter.ranks.map(({ value }) => value).join(', '),
  ])
  const sum = [
    'sum',
    '',
    String(modules.length),
    facts.ranks[0] === facts.ranks[1] ? String(facts.ranks[0]) : facts.ranks.join('-'),
  ]
  const heads = [
    { head: 'LoRA' },
    { head: 'ratio', align: 'right' },
    { head: 'modules', align: 'right' },
    { head: 'rank', align: 'right' },
  ] as const
  const exact =
    rounded === 0
      ? 'exact: no factor was changed'
      : `the factors of ${plural(rounded, 'module')} were multiplied and rounded once to ${dtype}`
  const lines = [
    formatTable(heads, [...rows, sum]),
    `  - ${exact}`,
    ...findingLines(file.findings, paint),
    madeLine(file, paint),
  ]
  io.stdout.write(`${lines.join('\n')}\n`)
}
