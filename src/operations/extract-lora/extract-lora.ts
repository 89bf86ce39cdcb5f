import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { info, warning } from '../../model/finding.ts'
import {
  predictingOf,
  predictingText,
  predictionText,
  samePrediction,
} from '../../model/identify/same-prediction.ts'
import { loraArchitecture, loraMetadata } from '../../model/lora/metadata.ts'
import { resolutionOf } from '../../model/metadata/modelspec-facts.ts'
import { statedOf } from '../../model/metadata/stated.ts'
import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import { newEvaluation } from '../../tensor/values/expr.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { factorChoice, factorRecipe } from '../lora/factor-options.ts'
import type { InputModel, Operation } from '../operation.ts'
import type { DerivedMetadata } from '../output/metadata.ts'
import type { Plan } from '../plan.ts'
import { messages } from './messages.ts'
import { type ExtractLoraOptions, extractLoraOptions } from './options.ts'
import { type Extraction, type ExtractLoraPlanOptions, extractFactors } from './plan.ts'

export interface ExtractLoraPlan extends Plan {
  /** Path of the base. */
  readonly base: string
  readonly choice: ExtractLoraPlanOptions
  /** Once it is computed. */
  readonly extraction?: Extraction
}

/** A LoRA that makes the second model into the first. */
export const extractLora: Operation<ExtractLoraOptions, ExtractLoraPlan> = {
  verb: 'extract lora',
  schema: extractLoraOptions,
  verify: false,
  picture: 'other',
  standsAlone: true,
  multiplies: () => true,
  plan(inputs, { algo = 'lora', only, ...factors }) {
    checkTwoModels(inputs.length)
    return {
      table: { tensors: new Map(), metadata: {} },
      steps: [],
      findings: only === 'text' ? [] : predictionFindings(inputs as [InputModel, InputModel]),
      base: inputs[1]!.name,
      choice: { ...factorChoice(factors, 'F16'), algo, ...defined({ only }) },
    }
  },
  async compute(plan, inputs, _options, { read, engine, ...work }) {
    const { matmul } = await engine()
    const [tuned, base] = inputs as [InputModel, InputModel]
    const evaluation = newEvaluation(read, matmul)
    const extraction = await extractFactors(tuned, base, plan.choice, { ...work, evaluation })
    const tensors = new Map(extraction.tensors.map((tensor) => [tensor.name, tensor]))
    return {
      ...plan,
      table: { tensors, metadata: {} },
      findings: [...plan.findings, ...extraction.findings],
      extraction,
    }
  },
  decided: (_options, { choice: { algo, only, ...factors } }) => ({
    ...factorRecipe(factors),
    algo,
    ...defined({ only }),
  }),
  outputName: (_plan, [tuned]) => `${stemOf(basename(tuned!.name))}-lora.safetensors`,
  metadata: (plan, [tuned], _options, title) => ownMetadata(plan, tuned!, title),
}

/** The LoRA holds the change of what the model predicts, too. */
function predictionFindings([tuned, base]: readonly [InputModel, InputModel]): Finding[] {
  const [own, other] = [...predictingOf(tuned), ...predictingOf(base)]
  if (own === undefined || other === undefined || samePrediction(own.prediction, other.prediction)) return []
  const said = [predictingText(own), predictingText(other)] as const
  return own.prediction.type === other.prediction.type
    ? [info('extract-mixed-schedules', messages.mixedSchedules(...said))]
    : [
        warning(
          'extract-mixed-predictions',
          messages.mixedPredictions(...said, predictionText(own.prediction)),
        ),
      ]
}

/** @throws USAGE (exit 2) */
export function checkTwoModels(count: number): void {
  if (count === 2) return
  throw usage(messages.twoModels(count), messages.tunedThenBase)
}

function ownMetadata(
  { base, choice, extraction }: ExtractLoraPlan,
  { identity }: InputModel,
  title: string,
): DerivedMetadata {
  const ranks = extraction!.layers.map(({ rank }) => rank)
  const convRank = choice.algo === 'locon' ? { convRank: choice.convLimit } : {}
  const [architecture, resolution] = [loraArchitecture(identity), resolutionOf(identity)]
  return {
    own: {
      ...statedOf(identity),
      ...loraMetadata(identity, { ranks, ...convRank }),
      // where no tag names the family, the name of the base is all there is
      ...(identity.architecture === undefined && { ss_sd_model_name: basename(base) }),
      ss_output_name: title,
    },
    facts: {
      ...defined({ architecture, resolution }),
    },
  }
}
