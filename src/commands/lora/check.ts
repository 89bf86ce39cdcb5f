import { basename } from 'node:path'
import { resolveLora } from '../../library/lora-aliases.ts'
import { resolveModel } from '../../library/resolve.ts'
import { type OpenedModel, withModels } from '../../library/session.ts'
import { error, warning } from '../../model/finding.ts'
import { type CheckedModule, checkLora, type LoraCheck } from '../../model/lora/check.ts'
import type { LoraFile } from '../../model/lora/modules.ts'
import { type BlockLabel, compareBlocks } from '../../model/networks/blocks.ts'
import { loraOf } from '../../operations/lora/lora-file.ts'
import { mergeLora } from '../../operations/merge-lora/merge-lora.ts'
import type { InputModel, PlanContext } from '../../operations/operation.ts'
import { inputModels, plainContext } from '../../operations/run.ts'
import { envelope, findingJson, printResults, withNulls } from '../../report/document/envelope.ts'
import type { HeatMap, HeatPanel } from '../../report/drawing/heat-map.ts'
import { formatTable } from '../../report/text/table.ts'
import { painter } from '../../report/text/text.ts'
import { checkOutput } from '../../system/atomic.ts'
import { EXIT, type ExitCode, refuse, usage } from '../../system/errors.ts'
import { writeNewFile } from '../../system/new-file.ts'
import { printable } from '../../system/text.ts'
import { startProgress, type World } from '../../system/world.ts'
import { newEvaluation } from '../../tensor/values/expr.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { Arguments, Command } from '../command.ts'
import { columnOf, plotEncoder } from '../diff/plot.ts'
import { findingLines } from '../shared/findings-text.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { commonOptions, filledText, flag, namedFiles, withCommonOptions } from '../shared/options.ts'
import type { LoraCheckResult } from './check-schema.ts'
import { messages } from './messages.ts'

export const loraCheckCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 lora check style.safetensors', messages.checkExample],
      ['$0 lora check style --base model --plot style.png', messages.checkExampleBase],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withCommonOptions(yargs))
      .positional('files', { type: 'string', array: true, describe: messages.file })
      .option('base', { type: 'string', nargs: 1, describe: messages.checkBase })
      .option('plot', {
        type: 'string',
        nargs: 1,
        describe: messages.plot,
      })
      .option('force', { type: 'boolean', describe: messages.force }),
  run: runLoraCheck,
}

interface Checked extends LoraCheck {
  readonly file: LoraFile
  /** Modules that the base has, and has not. */
  readonly base?: { readonly name: string; readonly matched: number; readonly unmatched: number }
  readonly findings: readonly Finding[]
}

async function runLoraCheck(args: Arguments, world: World): Promise<ExitCode> {
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0) throw usage(messages.oneNamed, messages.checkHint)
  const options = commonOptions(args)
  const [base, plot] = [filledText(args, 'base'), filledText(args, 'plot')]
  const encode = plot === undefined ? undefined : plotEncoder(plot)
  const folders = modelFolders(args, world)
  const paths = [await resolveLora(name, folders, world)]
  if (base !== undefined) paths.push(await resolveModel(base, 'checkpoint', folders))
  const force = flag(args, 'force')
  if (plot !== undefined) await checkOutput(plot, { force, bytes: 0, inputs: [] })
  const { checked, inputs } = await withModels(paths, world, async (opened) => {
    const checked = await checkOpened(paths, opened, world)
    return { checked, inputs: opened.map(({ model }) => model.file) }
  })
  if (plot !== undefined && encode !== undefined)
    await writeNewFile(plot, encode(heatMapOf(checked)), { force, inputs })
  const results = [resultJson(checked, plot)]
  printResults(envelope('lora check', { results }, world), () => pageOf(checked, world), options, world)
  return checked.findings.some(({ severity }) => severity === 'error') ? EXIT.unverified : EXIT.ok
}

async function checkOpened(
  paths: readonly string[],
  opened: readonly OpenedModel[],
  world: World,
): Promise<Checked> {
  const context = plainContext(opened, world)
  const [lora, base] = await inputModels(paths, opened)
  const file = loraOf(lora!, context.read)
  const progress = startProgress(world, basename(paths[0]!))
  const { size } = lora!.file.file
  try {
    const evaluation = newEvaluation(context.read, (await context.engine()).matmul)
    const check = await checkLora(file, evaluation, world.signal, (done, all) =>
      progress.update((size * done) / all, size),
    )
    const fit = base && (await fitOf(lora!, base, context))
    return {
      ...check,
      file,
      ...(fit && { base: fit.base }),
      findings: [...findingsOf(check), ...(fit?.findings ?? []), ...ownFindings(file)],
    }
  } finally {
    progress.end()
  }
}

/** Findings of merging that are about what the LoRA was trained on. */
const OF_TRAINING: ReadonlySet<string> = new Set(['lora-prediction', 'lora-schedule'])

async function fitOf(
  lora: InputModel,
  base: InputModel,
  context: PlanContext,
): Promise<Required<Pick<Checked, 'base' | 'findings'>>> {
  const { name, identity } = base
  if (identity.kind === 'lora')
    throw refuse('BASE_NOT_A_MODEL', messages.baseNotModel(name, identity.title), messages.nameBase)
  const options = { loras: [{ ratio: { unet: 1, text: 1 } }], allowUnmatched: true }
  const plan = await mergeLora.plan([base, lora], options, context)
  const [report] = plan.loras
  const matched = report!.parts.reduce((sum, part) => sum + part.matched, 0)
  const missing = report!.unmatched.map(({ name }) => name)
  const findings = missing.length > 0 ? [error('lora-unmatched', messages.noPlace(missing, name))] : []
  const trained = plan.findings.filter(({ code }) => OF_TRAINING.has(code))
  return { base: { name, matched, unmatched: missing.length }, findings: [...findings, ...trained] }
}

function findingsOf({ modules }: LoraCheck): Finding[] {
  const names = (state: CheckedModule['state']) =>
    modules.filter((module) => module.state === state).map(({ name }) => name)
  const [broken, dead] = [names('not-finite'), names('dead')]
  const misshapen = modules.filter(({ fault }) => fault !== undefined)
  return [
    ...(misshapen.length > 0
      ? [error('lora-misshapen', messages.misshapen(names('misshapen'), misshapen[0]!.fault!))]
      : []),
    ...(broken.length > 0 ? [error('lora-not-finite', messages.notFinite(broken))] : []),
    ...(dead.length > 0 ? [warning('lora-dead-modules', messages.dead(dead))] : []),
  ]
}

/** Those of an inspection: what it warns of, and no program could apply, is worse here. Shapes are checked anew. */
function ownFindings({ adapter }: LoraFile): Finding[] {
  return adapter.findings.flatMap((finding) => {
    if (finding.code === 'adapter-misshapen-modules') return []
    return finding.code === 'adapter-incomplete-modules' ? { ...finding, severity: 'error' } : finding
  })
}

interface BlockRow {
  readonly component: string
  readonly block: BlockLabel
  readonly modules: readonly CheckedModule[]
}

function blocksOf(modules: readonly CheckedModule[]): BlockRow[] {
  const groups = new Map<string, CheckedModule[]>()
  for (const module of modules) {
    const key = `${module.component} ${module.block}`
    groups.set(key, [...(groups.get(key) ?? []), module])
  }
  const components = [...new Set(modules.map(({ component }) => component))]
  return [...groups.values()]
    .map((own) => ({ component: own[0]!.component, block: own[0]!.block, modules: own }))
    .sort(
      (a, b) =>
        components.indexOf(a.component) - components.indexOf(b.component) || compareBlocks(a.block, b.block),
    )
}

/** Norm of several modules together. */
function normOf(modules: readonly CheckedModule[]): number {
  return Math.sqrt(modules.reduce((sum, { norm }) => sum + norm * norm, 0))
}

function resultJson(
  { file, modules, fits, base, findings }: Checked,
  plot: string | undefined,
): LoraCheckResult {
  return {
    path: file.name,
    title: file.adapter.title,
    fits,
    base: base ? { path: base.name, matched: base.matched, unmatched: base.unmatched } : null,
    norm: normOf(modules),
    blocks: blocksOf(modules).map(({ component, block, modules: own }) => ({
      component,
      block,
      modules: own.length,
      norm: normOf(own),
    })),
    findings: findings.map(findingJson),
    modules: modules.map((module) => withNulls(module, 'rank', 'fault')),
    output: plot ?? null,
    error: null,
  }
}

function pageOf({ file, modules, fits, base, findings }: Checked, world: World): string {
  const all = normOf(modules)
  const paint = painter(world.stdout, world.env)
  const groups = blocksOf(modules)
  const rows = groups.map(({ component, block, modules: own }, i) => {
    const count = (state: CheckedModule['state']) =>
      own.filter((module) => module.state === state).length || ''
    const share = all > 0 ? `${((100 * normOf(own)) / all).toPrecision(3)} %` : '-'
    return [
      component === groups[i - 1]?.component ? '' : component,
      block,
      String(own.length),
      String(count('dead')),
      String(count('not-finite')),
      normOf(own).toPrecision(3),
      share,
    ]
  })
  const table = formatTable(
    [
      { head: messages.part },
      { head: messages.block },
      { head: messages.modules, align: 'right' },
      { head: messages.deadHead, align: 'right' },
      { head: 'NaN', align: 'right' },
      { head: messages.norm, align: 'right' },
      { head: messages.ofAll, align: 'right' },
    ],
    [...rows, [messages.all, '', String(modules.length), '', '', all.toPrecision(3), '']],
  )
  const lines = [
    `${paint('bold', printable(file.name, 300))}: ${file.adapter.title}`,
    table,
    `  ${fits.length > 0 ? messages.fits(fits) : messages.fitsNone}`,
    ...(base === undefined
      ? []
      : [`  ${messages.matched(printable(base.name, 300), base.matched, base.unmatched)}`]),
    ...findingLines(findings, paint),
  ]
  return `${lines.join('\n')}\n`
}

/** Norms as shares of that of the whole LoRA: kinds of layers in rows, blocks in columns. */
function heatMapOf({ file, modules }: Checked): HeatMap {
  const all = normOf(modules) || 1
  const components = [...new Set(modules.map(({ component }) => component))]
  const share = (own: readonly CheckedModule[]): number => normOf(own) / all
  const panels = components.map((component): HeatPanel => {
    const mine = modules.filter((module) => module.component === component)
    const blocks = [...new Set(mine.map(({ block }) => block))].sort(compareBlocks)
    const kinds = [...new Set(mine.map(({ kind }) => kind))]
    const of = (wanted: (module: CheckedModule) => boolean) => mine.filter(wanted)
    return {
      title: component,
      columns: blocks.map(columnOf),
      rows: kinds,
      cells: kinds.map((kind) =>
        blocks.map((block) => {
          const own = of((module) => module.kind === kind && module.block === block)
          return own.length === 0 ? undefined : share(own)
        }),
      ),
      columnTotals: blocks.map((block) => share(of((module) => module.block === block))),
      rowTotals: kinds.map((kind) => share(of((module) => module.kind === kind))),
      total: share(mine),
    }
  })
  return {
    title: messages.normsOf(basename(file.name)),
    subtitle: messages.plotSubtitle,
    panels,
  }
}
