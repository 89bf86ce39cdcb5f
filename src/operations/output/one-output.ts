/** What commands share that make one file of several: the first model is its source, the others went into it. */
import { basename } from 'node:path'
import type { OpenedModel } from '../../library/session.ts'
import type { Identity } from '../../model/identity.ts'
import type { Plan } from '../../model/plan.ts'
import type { JsonValue } from '../../model/recipe.ts'
import type { Io } from '../../system/world.ts'
import type { ModelFile } from '../../tensor/table.ts'
import { outputMetadata } from './metadata.ts'
import type { OutputOptions } from './options.ts'
import { outputPlaces } from './place.ts'
import type { PlannedFile } from './write-file.ts'

/** What the operation is called and takes, for the recipe. */
export interface NamedOperation {
  readonly verb: string
  readonly options: Readonly<Record<string, JsonValue | undefined>>
}

/**
 * The place and the metadata of the output.
 * @param name its file name, unless `-o` says another
 */
export async function plannedOutput(
  plan: Plan,
  name: string,
  opened: readonly OpenedModel[],
  identity: Identity,
  operation: NamedOperation,
  { output, io }: { readonly output: OutputOptions; readonly io: Io },
): Promise<PlannedFile> {
  const [model, ...additions] = opened.map(({ model }) => model) as [ModelFile, ...ModelFile[]]
  const file = { path: model.file.path, relative: basename(model.file.path) }
  const placeOf = await outputPlaces({ files: [file], walked: false }, output.output)
  const target = placeOf(file, name)
  return {
    plan,
    output: target,
    source: model.file.path,
    inputs: [model, ...additions].map(({ file }) => file),
    metadata: () => outputMetadata(model, identity, plan, target, { ...output, ...operation, additions }, io),
  }
}
