/** The configuration files of a folder of diffusers with a transformer. */
import type { JsonValue } from '../../system/json.ts'
import type { Identity } from '../identity.ts'
import { type Config, DIFFUSERS, type EncoderClass } from './diffusers-families.ts'
import type { DitPipeline } from './dit-pipeline.ts'
import { clipConfig, t5Config } from './encoder-config.ts'
import type { Locals } from './openclip.ts'
import { ditVaeConfig } from './vae-config.ts'

/** Configurations by their path in the folder. */
export function ditPipelineConfigs(pipeline: DitPipeline, identity: Identity): Map<string, Config> {
  const { tensors, family, member, encoders } = pipeline
  const out = new Map<string, Config>()
  const add = (path: string, name: string, config: Config) => {
    out.set(path, { _class_name: name, _diffusers_version: DIFFUSERS, ...config })
  }
  add('transformer/config.json', family.transformer(member), family.config(member))
  add('scheduler/scheduler_config.json', SCHEDULER, {
    num_train_timesteps: 1000,
    ...family.scheduler(member),
  })
  if (tensors.vae !== undefined) out.set('vae/config.json', ditVaeConfig(tensors.vae, identity))
  for (const { folder, name } of encoders)
    out.set(`${folder}/config.json`, encoderConfig(tensors[folder]!, name))
  out.set('model_index.json', modelIndex(pipeline, out))
  return out
}

const SCHEDULER = 'FlowMatchEulerDiscreteScheduler'

function encoderConfig(encoder: Locals, name: string): Config {
  return name.startsWith('CLIP') ? clipConfig(encoder, name) : t5Config(encoder, name)
}

const ABSENT = [null, null] as const

/** A part that is not there is named as absent: who loads the folder gives it. */
function modelIndex(
  { tensors, family, member, encoders }: DitPipeline,
  configs: ReadonlyMap<string, Config>,
): Config {
  return {
    _class_name: family.pipeline(member),
    _diffusers_version: DIFFUSERS,
    scheduler: ['diffusers', SCHEDULER],
    ...Object.fromEntries(family.encoders.flatMap(({ folder }) => encoderEntries(folder, encoders))),
    transformer: ['diffusers', family.transformer(member)],
    vae: tensors.vae === undefined ? ABSENT : ['diffusers', configs.get('vae/config.json')!._class_name!],
  }
}

/** The vocabulary of a T5 is in no model file. */
function encoderEntries(
  folder: EncoderClass['folder'],
  encoders: readonly EncoderClass[],
): [string, JsonValue][] {
  const own = encoders.find((encoder) => encoder.folder === folder)
  const tokenizer = folder.replace('text_encoder', 'tokenizer')
  const isClip = own?.name.startsWith('CLIP') === true
  return [
    [folder, own === undefined ? ABSENT : ['transformers', own.name]],
    [tokenizer, isClip ? ['transformers', 'CLIPTokenizer'] : ABSENT],
  ]
}
