/** A LoRA as PEFT loads it: for each network a folder with the file and its configuration. */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { TargetId } from '../../model/adapters/targets.ts'
import { stemOf } from '../../model/file-name.ts'
import { networkFolder } from '../../model/lora/naming/namings.ts'
import { peftConfigOf } from '../../model/lora/naming/peft-config.ts'
import type { RenamedModule } from '../../model/lora/naming/rename.ts'
import { refuse, withFileName } from '../../system/errors.ts'
import type { Environment } from '../../system/world.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { FolderOutcome } from '../convert/folder.ts'
import { checkFree, type IsOurs, stageFolder, writeTexts } from '../convert/staged-folder.ts'
import { loraOf } from '../lora/lora-file.ts'
import type { OutputOptions } from '../output/options.ts'
import { sidecarsLeft } from '../output/source-sidecars.ts'
import { executePlan, namedFile, withInputs } from '../run.ts'
import { loraConvert } from './lora-convert.ts'
import { messages } from './messages.ts'
import { type LoraConvertPlan, networksOf, planLoraConvert } from './plan.ts'

const WEIGHTS = 'adapter_model.safetensors'
const CONFIG = 'adapter_config.json'

const isPeftFolder: IsOurs = (folder) =>
  existsSync(join(folder, CONFIG)) ||
  ['unet', 'transformer'].some((name) => existsSync(join(folder, name, CONFIG)))

/** A network of the LoRA, with the place of its folder in the whole: '' where there is only one. */
interface NetworkPart {
  readonly network: TargetId
  readonly folder: string
  readonly plan: LoraConvertPlan
}

/**
 * Writes the folder `<name>-peft` next to the file, or what `output` names.
 * @throws OUTPUT_EXISTS, OUTPUT_NOT_A_PIPELINE (exit 2), LORA_NO_NAME (exit 3), and what `planLoraConvert` and writing throw
 */
export async function convertLoraToFolder(
  path: string,
  output: OutputOptions,
  environment: Environment,
): Promise<FolderOutcome> {
  return withInputs([path], output, environment, async (inputs, context) => {
    const lora = loraOf(inputs[0]!, context.read)
    const whole = await planLoraConvert(lora, { to: 'peft' })
    const networks = networksOf(whole)
    const target = (output.output ?? join(dirname(path), `${stemOf(basename(path))}-peft`)).replace(
      /\/+$/,
      '',
    )
    checkFree(target, output.force, isPeftFolder)
    const staged = output.dryRun ? undefined : await stageFolder(target, output.force, isPeftFolder)
    const parts: FolderOutcome['parts'][number][] = []
    const findings: Finding[] = [...(await sidecarsLeft(path))]
    try {
      for (const network of networks) {
        const folder = networks.length === 1 ? '' : networkFolder(network, whole.architecture)
        const plan = await planLoraConvert(lora, { to: 'peft', network })
        checkMagnitudes(path, plan.modules)
        const part: NetworkPart = { network, folder, plan }
        const options = { to: 'peft' as const, network }
        const place = () => join(staged?.path ?? target, folder, WEIGHTS)
        const run = { operation: loraConvert, options, first: namedFile(path), place, output }
        const made = await executePlan(run, plan, inputs, context, environment)
        if (staged) await writeTexts(staged.path, configOf(part))
        parts.push({ folder: folder || WEIGHTS, tensors: made.tensors!, bytesAfter: made.bytesAfter! })
        findings.push(...made.findings)
      }
      await staged?.commit()
      const status = output.dryRun ? 'planned' : 'written'
      return { input: path, title: inputs[0]!.identity.title, output: target, parts, findings, status }
    } finally {
      await staged?.abort()
    }
  })
}

function configOf({ folder, plan }: NetworkPart): ReadonlyMap<string, string> {
  return new Map([[join(folder, CONFIG), `${JSON.stringify(peftConfigOf(plan.modules), null, 2)}\n`]])
}

/** @throws LORA_NO_NAME (exit 3): a configuration says of all modules, or of none, that they are DoRA */
function checkMagnitudes(path: string, modules: readonly RenamedModule[]): void {
  const withThem = modules.filter(({ tensors }) =>
    tensors.some(({ name }) => name.endsWith('.lora_magnitude_vector')),
  )
  if (withThem.length === 0 || withThem.length === modules.length) return
  throw withFileName(path, refuse('LORA_NO_NAME', messages.mixedDora))
}
