import { basename } from 'node:path'
import { castWeight, checkCast } from '../../model/dtype-choice.ts'
import { stemOf } from '../../model/file-name.ts'
import { info } from '../../model/finding.ts'
import { type ExtractedComponent, extractComponents } from '../../model/layouts/component.ts'
import { FACTOR_DTYPES } from '../../model/lora/factors.ts'
import { statedOfPart } from '../../model/metadata/stated.ts'
import type { Component } from '../../model/networks/components.ts'
import { usage } from '../../system/errors.ts'
import { checkOperation, isEncoded } from '../../tensor/quantised/check.ts'
import { headerConfigOf } from '../../tensor/quantised/config.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { TensorTable } from '../../tensor/values/table.ts'
import { messages as shared } from '../messages.ts'
import type { InputModel, Operation } from '../operation.ts'
import type { Plan } from '../plan.ts'
import type { Planned } from '../run-each.ts'
import { messages } from './messages.ts'
import { type ExtractOptions, extractOptions } from './options.ts'

export interface ExtractPlan extends Plan, Pick<ExtractedComponent, 'component' | 'suffix'> {}

/** One network of a checkpoint as the file that programs load it from. */
export const extract: Operation<ExtractOptions, ExtractPlan> = {
  verb: 'extract',
  schema: extractOptions,
  verify: false,
  picture: 'same',
  standsAlone: true,
  plan: ([model], options) => planComponent(model!, options),
  decided: (options, { component }) => ({ ...options, component: component.id }),
  outputName: ({ suffix }, [model]) => `${stemOf(basename(model!.name))}-${suffix}.safetensors`,
  // most of what the metadata says is true of the whole model: the recipe tells where the part comes from
  metadata: ({ table }) => ({ own: table.metadata, facts: {} }),
  describe({ component, table: { tensors } }) {
    const parameters = [...tensors.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0)
    return {
      what: messages.component(component.title, tensors.size, parameters),
      facts: { component: component.id },
    }
  },
}

/** @throws COMPONENT_NOT_FOUND (exit 4), USAGE (exit 2) for a word that selects several, SCALED_FP8, QUANTISED (exit 3) */
function planComponent(model: InputModel, options: ExtractOptions): ExtractPlan {
  const [one, ...others] = extractComponents(model.file, model.identity, options.component)
  if (others.length > 0) throw severalOf(options, [one!, ...others])
  const { component, table, suffix, left } = one!
  const dtype = options.dtype && FACTOR_DTYPES[options.dtype]
  checkOperation('copy', table.tensors.values(), shared.theComponent(component.title))
  checkCast(model.file, component, dtype)
  const tensors = new Map(
    [...table.tensors].map(([name, tensor]) => [name, castWeight({ ...tensor, name }, dtype)]),
  )
  const metadata = {
    ...configOf({ ...table, tensors }, component),
    ...statedOfPart(component.role, model.identity),
  }
  return { table: { tensors, metadata }, steps: [], findings: leftFindings(left), component, suffix }
}

/** Every component that the options select, by itself. @throws what `planComponent` throws */
export function planEach(model: InputModel, options: ExtractOptions): Planned<ExtractOptions, ExtractPlan>[] {
  return extractComponents(model.file, model.identity, options.component).map(({ component }) => {
    const own = { ...options, component: component.id }
    return { options: own, plan: planComponent(model, own) }
  })
}

function severalOf({ component }: ExtractOptions, found: readonly ExtractedComponent[]): Error {
  const ids = found.map((one) => one.component.id)
  return usage(messages.severalComponents(component), messages.nameOne(ids))
}

/** What the header says of codes is needed wherever they are. */
function configOf({ tensors, metadata }: TensorTable, { prefix }: Component): Record<string, string> {
  return [...tensors.values()].some(isEncoded) ? headerConfigOf(metadata, prefix) : {}
}

function leftFindings(left: readonly string[]): Plan['findings'] {
  if (left.length === 0) return []
  return [info('no-place', messages.noPlace(left))]
}
