/** What the network of a model predicts, and what may say so. */
import type { PlainValue, TensorTable } from '../../tensor/values/table.ts'
import type { Architecture, Variant } from '../networks/architectures/architecture.ts'
import type { PredictionType } from '../networks/predictions.ts'
import type { ValueReader } from './evidence.ts'

/** What the network predicts, and why we think so. */
export interface Prediction {
  readonly type: PredictionType
  /** In plain words: "marker tensor v_pred". */
  readonly evidence: string
  /** Nothing in or beside the file says so: it is what the architecture usually predicts. */
  readonly assumed?: true
  /** Only a name says so. */
  readonly weak?: true
  /** What says otherwise, and did not decide. */
  readonly against?: readonly string[]
  /** The schedule ends in pure noise (`ztsnr`). */
  readonly zeroTerminalSnr?: true
  /** EDM models that store it (`edm_vpred.sigma_max`). */
  readonly sigmaMax?: number
}

/** Evidence from outside of the tensors. */
export interface Hints {
  /** File name without folder; tokens such as `vpred` count as the weakest evidence. */
  readonly fileName?: string
  /** Text of a `.yaml` beside the checkpoint, the strongest evidence. */
  readonly sidecar?: string
  /** The scheduler of the folder of diffusers that the file is in, as strong. */
  readonly scheduler?: SchedulerFacts
  /** What a site calls the model, in notes beside it; as weak as the file name. */
  readonly titles?: readonly string[]
  /** Of the configuration of a VAE beside it: what its latents are multiplied by. */
  readonly vaeScale?: number
}

/** What the scheduler of a folder of diffusers says of the model. */
export interface SchedulerFacts {
  /** `prediction_type`. */
  readonly prediction?: string
  readonly zeroSnr: boolean
}

/** A torch file has its texts beside the weights, a table of tensors in its metadata. */
export type WithFacts = TensorTable & { readonly extras?: Readonly<Record<string, PlainValue>> }

export interface PredictionInput {
  readonly table: WithFacts
  readonly architecture: Architecture
  readonly variant?: Variant
  /** Name in the file of a UNet key given in ldm layout. */
  readonly nameOf: (ldm: string) => string
  readonly hints: Hints
}

/** One source of evidence; the first that has something to say decides. */
export type EvidenceSource = (
  input: PredictionInput,
  read: ValueReader,
) => Prediction | undefined | Promise<Prediction | undefined>

/** Text that stands under a key in a file, wherever its container keeps texts. */
export function saidOf({ metadata, extras = {} }: WithFacts): (key: string) => string | undefined {
  return (key) => {
    const place = Object.hasOwn(metadata, key) ? metadata : extras
    const value = Object.hasOwn(place, key) ? place[key] : undefined
    return typeof value === 'string' ? value : undefined
  }
}
