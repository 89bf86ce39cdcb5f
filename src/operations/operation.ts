/** What sdtool does to models, apart from how it is asked for and what it prints. */
import type { GenericSchema } from 'valibot'
import type { Identity, KnownFile } from '../model/identity.ts'
import type { Model } from '../model/model.ts'
import type { Hashes, HashName } from '../system/hash.ts'
import type { JsonValue } from '../system/json.ts'
import type { ReadInto } from '../tensor/values/expr.ts'
import type { Finding } from '../tensor/values/table.ts'
import type { Container } from '../tensor/write/container.ts'
import type { MatMulEngine } from './engine.ts'
import type { Computing } from './output/computed-file.ts'
import type { DerivedMetadata } from './output/metadata.ts'
import type { OutputOptions } from './output/options.ts'
import type { ChangeReport } from './output/prove.ts'
import type { Plan } from './plan.ts'

/** An input: a file that is open. */
export type InputModel = Model<KnownFile>

export type OpenInput = (path: string) => Promise<InputModel | undefined>

/** What planners use of the world. */
export interface PlanContext {
  /** Reads tensors of any input, held against the checksums of its container. */
  readonly read: ReadInto
  readonly signal: AbortSignal
  /** What computes products of matrices, for planners that need some. */
  engine(): Promise<MatMulEngine>
  /** The plan is only looked at: what decides nothing but values, and takes long, may be left out. */
  readonly rehearsal?: boolean
  /** Hashes of an input, by its name; without it a planner goes by what else it knows. */
  hash?(name: string, only: readonly HashName[]): Promise<Hashes>
  /** Shows how far something is that takes long, in things that are counted. */
  progress?(label: string): PlanProgress
}

export interface PlanProgress {
  update(done: number, all: number): void
  end(): void
}

/** What the output is written as; safetensors where an operation does not say. */
export interface OutputForm {
  readonly container: Container
  /** Endings its name may have. */
  readonly endings: readonly string[]
}

/** What an output is that is no other form of its first input: sizes and types say little of it. */
export interface OutputDescription {
  /** For people: "vae: 248 tensors with the names of diffusers". */
  readonly what: string
  /** The same for programs. */
  readonly facts: Readonly<Record<string, JsonValue>>
  /** What people know the inputs by, and what they are, where that is not path and title of the first one. */
  readonly input?: string
  readonly title?: string
}

/**
 * One verb. Its options are JSON, as they stand in a recipe: what a command line, a recipe, or a program asks for is
 * the same object. The first input is the source of the output's metadata; `P` and `Part` are its plan, and a row of
 * its proof.
 */
export interface Operation<Options extends object, P extends Plan = Plan, Part = unknown> {
  readonly verb: string
  /** Refuses what this version does not know. */
  readonly schema: GenericSchema<unknown, Options>
  /** Which tensors are read back and compared where nobody says. */
  readonly verify: OutputOptions['verify']
  /** `same`: all weights it writes are copies of its first input's, at most in another type; `other`: what it writes may draw something else. */
  readonly picture: 'same' | 'other'
  /** The output is no other form of its first input: what lies beside that is not about it. */
  readonly standsAlone?: true
  /** Opens a first input that is no model file; undefined where it is one. */
  readonly open?: OpenInput
  /**
   * What the operation makes of its inputs, in the order of a recipe; nothing is written.
   * @throws SdtoolError: what the planner of the operation refuses
   */
  plan(inputs: readonly InputModel[], options: Options, context: PlanContext): Promise<P> | P
  /**
   * The plan with values that have to be known before the file can be laid out, where it takes long to compute them.
   * Such a plan cannot be made from a recipe just to be looked at.
   */
  compute?(
    plan: P,
    inputs: readonly InputModel[],
    options: Options,
    work: PlanContext & Computing,
  ): Promise<P>
  /** The options that a recipe keeps: those given, and what was chosen where nothing was. */
  decided(options: Options, plan: P, inputs: readonly InputModel[]): Options
  /** File name of the output, where nobody names it. */
  outputName(plan: P, inputs: readonly InputModel[], options: Options): string
  /** What an output says of itself that carries on nothing of its source's own; `title` is the name it gets. */
  metadata?(plan: P, inputs: readonly InputModel[], options: Options, title: string): DerivedMetadata
  describe?(plan: P, inputs: readonly InputModel[], options: Options): OutputDescription | undefined
  /** What the output says it is in its metadata; the first input without it. */
  stated?(inputs: readonly InputModel[], options: Options): Identity
  /** @param plan where there is one already */
  form?(options: Options, plan?: P): OutputForm | undefined
  /** Whether products of matrices go into the result, so that the recipe says what computed them. */
  multiplies?(options: Options): boolean
  /** Why there is nothing to do: the output would be the input. */
  nothing?(plan: P, inputs: readonly InputModel[], options: Options): string | undefined
  /** Why the plan is not to be written, with findings that only matter then. */
  problem?(plan: P): { readonly error: Error; readonly findings: readonly Finding[] } | undefined
  /** The last look before anything is written, into values if it has to be. @throws what keeps it from being written */
  confirm?(plan: P, inputs: readonly InputModel[], options: Options, context: PlanContext): Promise<void>
  /** How the counts of the writer become figures, and what of them is an error. */
  prover?(plan: P): ChangeReport<Part>
}

/** An operation of whatever options: how registries hold it. */
// biome-ignore lint/suspicious/noExplicitAny: options and plan of an operation belong together, and only it looks into them
export type AnyOperation = Operation<any, any, any>

/** A verb of several operations, which its options tell apart. */
export interface OperationFamily<Options extends object> {
  readonly verb: string
  readonly schema: GenericSchema<unknown, Options>
  choose(options: Options): AnyOperation
}
