import { namingFile } from '../../errors.ts'
import { extractComponents } from '../../model/extract/component.ts'
import type { Io } from '../../system/world.ts'
import type { InputModel } from '../operation.ts'
import type { OutputOptions } from '../output/options.ts'
import { outputPlaces } from '../output/place.ts'
import { carryOut, namedFile, type Outcome, type Run, withInputs } from '../run.ts'
import { type ExtractPlan, extract, planComponent } from './extract.ts'
import type { ExtractOptions } from './options.ts'

type ExtractRun = Run<ExtractOptions, ExtractPlan, unknown>

/** Makes a file of each component that the options select. What speaks against one is said before any is written. */
export function extractEach(
  path: string,
  options: ExtractOptions,
  output: OutputOptions,
  io: Io,
): Promise<Outcome<ExtractPlan>[]> {
  return withInputs([path], output, io, async (inputs, context) => {
    const first = namedFile(path)
    const planned = namingFile(path, () => planEach(inputs[0]!, options))
    const files = planned.map(() => first)
    const placeOf = await outputPlaces({ files, walked: false }, output.output)
    const runs = planned.map(({ plan, options: own }) => {
      const target = placeOf(first, extract.outputName(plan, inputs, own))
      const run: ExtractRun = { operation: extract, options: own, first, place: () => target, output }
      return { run, plan }
    })
    const rehearsal = { ...output, dryRun: true }
    for (const { run, plan } of runs) await carryOut({ ...run, output: rehearsal }, plan, inputs, context, io)
    const outcomes: Outcome<ExtractPlan>[] = []
    for (const { run, plan } of runs) {
      const known = { input: path, title: inputs[0]!.identity.title, plan }
      const made = await carryOut(run, plan, inputs, context, io)
      outcomes.push({ ...known, ...extract.describe!(plan, inputs, run.options), ...made })
    }
    return outcomes
  })
}

function planEach(
  model: InputModel,
  options: ExtractOptions,
): readonly { readonly options: ExtractOptions; readonly plan: ExtractPlan }[] {
  return extractComponents(model.file, model.identity, options.component).map(({ component }) => {
    const own = { ...options, component: component.id }
    return { options: own, plan: planComponent(model, own) }
  })
}
