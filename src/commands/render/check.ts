/** `sdtool render --check`: is a baked file what its recipe says, down to the picture? */
import { basename } from 'node:path'
import type { RgbImage } from '../../image/image.ts'
import type { ModelFolders } from '../../library/resolve.ts'
import { identifyFile, type OpenedModel, readAny, withModel, withModels } from '../../library/session.ts'
import { type BakeDiffs, diagnoseBake } from '../../model/diff/bake-diagnosis.ts'
import { diffTensors } from '../../model/diff/diff.ts'
import { withEmaWeights } from '../../model/diff/ema.ts'
import type { DiffSide } from '../../model/diff/pairs.ts'
import { warning } from '../../model/finding.ts'
import { predictionMismatchFindings, withStated } from '../../model/identify/same-prediction.ts'
import { type Recipe, recipeText } from '../../model/metadata/recipe.ts'
import type { Model } from '../../model/model.ts'
import { engineOf, environmentOf } from '../../operations/engine.ts'
import type { InputModel, PlanContext } from '../../operations/operation.ts'
import { operationOfRecipe, plannable, planRecipe, readRecipe } from '../../operations/recipe.ts'
import { plainContext } from '../../operations/run.ts'
import { EXIT, type ExitCode, SdtoolError } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { ReadInto } from '../../tensor/values/expr.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { type FoundInput, findInputs } from '../replay/recipe-inputs.ts'
import { MAX_PSNR_OF_EFFECT, MIN_PSNR, type RenderVerdict, renderVerdict } from './check-verdict.ts'
import {
  type ComparedModel,
  type ComparedShot,
  compareDrawn,
  type PictureComparison,
  psnrText,
} from './comparison.ts'
import { messages } from './messages.ts'
import { plannedModel } from './planned-model.ts'

/** Draws the pictures of a check with one model. */
export type DrawPictures = (model: Model) => Promise<readonly RgbImage[]>

export interface CheckJob {
  readonly path: string
  /** In that file. */
  readonly recipe: Recipe
  readonly folders: ModelFolders
  readonly shots: readonly ComparedShot[]
  readonly draw: DrawPictures
}

export interface CheckOutcome {
  readonly path: string
  readonly recipe: Recipe
  readonly inputs: readonly FoundInput[]
  readonly verdict: RenderVerdict
  /** The recipe, applied live; then the base, where the recipe is there to change it, and the file, if it can be drawn. */
  readonly comparison: PictureComparison
  /** The same of the two others. */
  readonly baked?: ComparedModel
  readonly base?: ComparedModel
  readonly findings: readonly Finding[]
}

/**
 * Draws the inputs of a recipe with it applied, and the file it is in, and compares the pictures.
 * @throws what `findInputs`, `planRecipe` and the drawing throw
 */
export async function checkBaked(job: CheckJob, world: World): Promise<CheckOutcome> {
  const { recipe } = job
  const inputs = await findInputs(recipe, job, world)
  const paths = [job.path, ...inputs.map(({ path }) => path)]
  return withModels(paths, world, async ([baked, ...opened]) => {
    const models = await openedModels(job, recipe, inputs, [baked!, ...opened], world)
    const drawn = await drawAll(models, job)
    const verdict = drawn.baked ? renderVerdict(drawn.baked.similarities, drawn.base?.similarities) : 'failed'
    const why = verdict === 'failed' ? [...drawn.findings, ...(await diagnosis(models, recipe, world))] : []
    return { path: job.path, recipe, inputs, verdict, ...drawn, findings: [...models.said, ...why] }
  })
}

export function exitCodeOfCheck({ verdict }: CheckOutcome): ExitCode {
  return verdict === 'passed' ? EXIT.ok : EXIT.unverified
}

/** The recipe of a file, where it can be drawn. @throws what `readRecipe` and `plannable` throw */
export async function checkableRecipe(path: string, world: World): Promise<Recipe> {
  const recipe = readRecipe(path, await withModel(path, world, async ({ model }) => recipeText(model)))
  plannable(recipe)
  return recipe
}

/** The three models of a check. */
interface CheckModels {
  readonly live: Model
  readonly baked: Model
  readonly base: Model
  /** The operation of the recipe may change pictures. */
  readonly changes: boolean
  /** What is wrong with what the file says of itself. */
  readonly said: readonly Finding[]
  readonly inputs: readonly InputModel[]
  readonly context: PlanContext
  readonly read: ReadInto
}

async function openedModels(
  { path }: CheckJob,
  recipe: Recipe,
  found: readonly FoundInput[],
  [baked, ...opened]: readonly [OpenedModel, ...OpenedModel[]],
  world: World,
): Promise<CheckModels> {
  const inputs: InputModel[] = []
  for (const [i, { path: name }] of found.entries()) {
    inputs.push({ name, file: opened[i]!.model, identity: await identifyFile(name, opened[i]!) })
  }
  const context = plainContext(opened, environmentOf(recipe, world))
  const read = readAny([baked, ...opened])
  const { table } = await planRecipe(recipe, inputs, context)
  const { name, file, identity: own } = inputs[0]!
  const made = await identifyFile(path, baked)
  // a file that says less than the other is drawn as that one is: the check is of the weights
  const base = withStated(own, made)
  return {
    live: await plannedModel(messages.itsRecipe, table, base, read),
    baked: { name: path, file: baked.model, identity: withStated(made, own) },
    base: { name, file, identity: base },
    changes: operationOfRecipe(recipe).operation.picture === 'other',
    said: predictionMismatchFindings(
      { name: basename(path), identity: made },
      { name: basename(name), identity: own },
    ),
    inputs,
    context,
    read,
  }
}

interface DrawnCheck {
  /** All that was drawn, against the recipe. */
  readonly comparison: PictureComparison
  /** Undefined if it cannot be drawn; a finding says why. */
  readonly baked?: ComparedModel
  readonly base?: ComparedModel
  readonly findings: readonly Finding[]
}

/** One after the other: a model in memory is gigabytes. */
async function drawAll({ live, baked, base, changes }: CheckModels, job: CheckJob): Promise<DrawnCheck> {
  const drawn = async (label: string, model: Model) => ({ label, images: await job.draw(model) })
  const reference = await drawn(messages.recipeLive, live)
  const original = changes ? [await drawn(messages.theBase(basename(base.name)), base)] : []
  const findings: Finding[] = []
  const file = await drawn(basename(job.path), baked).catch((error: unknown) => {
    findings.push(defectOf(error))
  })
  const comparison = compareDrawn(job.shots, reference, [...(file ? [file] : []), ...original])
  const [first, second] = comparison.others
  const [own, other] = file ? [first, second] : [undefined, first]
  return { comparison, findings, ...(own && { baked: own }), ...(other && { base: other }) }
}

/** Errors of drawing that are about the file: its recipe could be drawn. */
const DEFECTS: readonly string[] = [
  'COMPONENT_MISSING',
  'COMPONENT_INCOMPLETE',
  'NOT_RENDERABLE',
  'NOT_FINITE',
  'BLACK_IMAGE',
]

function defectOf(error: unknown): Finding {
  if (!(error instanceof SdtoolError) || !DEFECTS.includes(error.code)) throw error
  return { code: 'not-drawn', severity: 'error', message: error.message }
}

/** Why the pictures are not the same, from the weights. */
async function diagnosis(models: CheckModels, recipe: Recipe, world: World): Promise<Finding[]> {
  const { matmul } = await engineOf(environmentOf(recipe, world))
  const input = { read: models.read, matmul, signal: world.signal }
  const [live, baked, base] = [models.live, models.baked, models.base].map(sideOf) as [
    DiffSide,
    DiffSide,
    DiffSide,
  ]
  const diffs: BakeDiffs = {
    planned: await diffTensors(base, live, input),
    made: await diffTensors(base, baked, input),
    apart: await diffTensors(live, baked, input),
  }
  return [...diagnoseBake(diffs), ...(await otherWeights(models, recipe, input))]
}

function sideOf({ file, identity }: Model): DiffSide {
  return { table: file, identity }
}

/** A file that is the recipe of the other weights of a training checkpoint: EMA for live, or live for EMA. */
async function otherWeights(
  { inputs, baked, context }: CheckModels,
  recipe: Recipe,
  input: Parameters<typeof diffTensors>[2],
): Promise<Finding[]> {
  const [base, ...rest] = inputs
  if (!base?.identity.ema) return []
  const wantsEma = recipe.options.ema === 'only'
  const options = { ...recipe.options, ema: 'drop' }
  const side = withEmaWeights({ table: base.file, identity: base.identity })
  const file = { ...base.file, tensors: side.table.tensors }
  const other = wantsEma ? base : { ...base, file, identity: side.identity }
  const { table } = await planRecipe({ ...recipe, options }, [other, ...rest], context)
  const planned = await plannedModel(messages.otherWeights, table, other.identity, input.read)
  const diffs = await diffTensors(sideOf(planned), sideOf(baked), input)
  const isThis = diffs.every(({ place, change }) => place.component !== 'unet' || change === 'same')
  return isThis ? [warning('other-weights', wantsEma ? messages.madeFromLive : messages.madeFromEma)] : []
}

/** One line that says what came out. */
export function verdictLine({ path, verdict, baked }: CheckOutcome): string {
  const name = basename(path)
  if (!baked) return messages.checkNotRendered(name)
  const worst = Math.min(...baked.similarities.map(({ psnr }) => psnr))
  const figure = Number.isFinite(worst)
    ? messages.lowestPsnr(psnrText(worst), MIN_PSNR)
    : messages.identicalImages(MIN_PSNR)
  if (verdict === 'passed') return messages.checkPassed(name, figure)
  if (verdict === 'failed') return messages.checkFailed(name, figure)
  return messages.checkUndecided(name, MAX_PSNR_OF_EFFECT, figure)
}
