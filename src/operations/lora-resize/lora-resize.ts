import { basename } from 'node:path'
import { baseById } from '../../model/adapters/base.ts'
import { applyingFindings } from '../../model/adapters/findings.ts'
import { stemOf } from '../../model/file-name.ts'
import { FACTOR_DTYPES, type FactorDType } from '../../model/lora/factors.ts'
import { rankMetadata } from '../../model/lora/metadata.ts'
import type { LoraFile } from '../../model/lora/modules.ts'
import { newEvaluation } from '../../tensor/values/expr.ts'
import { type FactorChoice, factorChoice, factorRecipe } from '../lora/factor-options.ts'
import { loraOf } from '../lora/lora-file.ts'
import type { Operation } from '../operation.ts'
import type { Plan } from '../plan.ts'
import { type LoraResizeOptions, loraResizeOptions } from './options.ts'
import { type Resized, resizeLora } from './plan.ts'

export interface LoraResizePlan extends Plan {
  readonly lora: LoraFile
  readonly choice: FactorChoice
  /** Once it is computed. */
  readonly resized?: Resized
}

/** A LoRA of other ranks; other kinds become one. */
export const loraResize: Operation<LoraResizeOptions, LoraResizePlan> = {
  verb: 'lora resize',
  schema: loraResizeOptions,
  verify: false,
  picture: 'other',
  multiplies: () => true,
  plan([input], options, { read }) {
    const lora = loraOf(input!, read)
    return {
      table: { tensors: new Map(), metadata: {} },
      steps: [],
      findings: applyingFindings(lora.name, lora.adapter),
      lora,
      choice: factorChoice(options, storedType(lora)),
    }
  },
  async compute(plan, [input], _options, { read, engine, onProgress, ...work }) {
    const { matmul } = await engine()
    const { size } = input!.file.file
    const resized = await resizeLora(plan.lora, plan.choice, {
      ...work,
      evaluation: newEvaluation(read, matmul),
      onProgress: (done, total) => onProgress((size * done) / total, size),
    })
    const tensors = new Map(resized.tensors.map((tensor) => [tensor.name, tensor]))
    return { ...plan, table: { tensors, metadata: {} }, resized }
  },
  decided: (_options, { choice }) => factorRecipe(choice),
  outputName({ lora, choice: { rule } }) {
    const suffix = rule.method === 'fixed' ? `r${rule.limit}` : 'resized'
    return `${stemOf(basename(lora.name))}-${suffix}.safetensors`
  },
  metadata({ lora: { table, adapter }, resized }) {
    const base = adapter.base.architecture
    const family = base && baseById(base).modelspec
    return {
      own: {
        ...table.metadata,
        ...rankMetadata({ ranks: resized!.layers.map(({ rank }) => rank) }),
        // what a plain LoRA is scaled by is in its alphas; there is no one number for them
        ss_network_alpha: 'Dynamic',
      },
      facts: family === undefined ? {} : { architecture: `${family}/lora` },
    }
  },
}

/** That of most factors; half precision for types that LoRAs are not written in. */
function storedType({ table }: LoraFile): FactorDType {
  const counts = new Map<string, number>()
  for (const { dtype, shape } of table.tensors.values())
    if (shape.length > 1) counts.set(dtype, (counts.get(dtype) ?? 0) + 1)
  const [most] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? []
  return Object.values(FACTOR_DTYPES).find((dtype) => dtype === most) ?? 'F16'
}
