import { isJsonObject, ownValue, parseJsonText } from '../../system/json.ts'
import { type Fact, type FactRule, fact, factsByRules, type Metadata, scalarText, textOf } from './facts.ts'
import { type TrainingData, trainingData } from './training-data.ts'

/** How an adapter or embedding was trained, from kohya's `ss_*` metadata. */
export interface TrainingSummary extends TrainingData {
  readonly facts: readonly Fact[]
}

const OFF = ['0', '0.0', 'False'] as const

/** Source: kohya-ss sd-scripts, `train_network.py` and `train_util.py`. */
const BASE_RULES: readonly FactRule[] = [
  { label: 'base model', keys: ['ss_base_model_version'] },
  { label: 'base checkpoint', keys: ['ss_sd_model_name'] },
  { label: 'base checkpoint hash', keys: ['ss_new_sd_model_hash', 'ss_sd_model_hash'] },
  { label: 'VAE', keys: ['ss_vae_name'] },
  { label: 'network', keys: ['ss_network_module'] },
  { label: 'rank', keys: ['ss_network_dim'] },
  { label: 'alpha', keys: ['ss_network_alpha'] },
  { label: 'network dropout', keys: ['ss_network_dropout'], unless: OFF },
]

const RUN_RULES: readonly FactRule[] = [
  { label: 'resolution', keys: ['ss_resolution'] },
  { label: 'training images', keys: ['ss_num_train_images'] },
  { label: 'regularisation images', keys: ['ss_num_reg_images'], unless: OFF },
  { label: 'batch size', keys: ['ss_total_batch_size', 'ss_batch_size_per_device'] },
  { label: 'gradient accumulation', keys: ['ss_gradient_accumulation_steps'], unless: ['1'] },
  { label: 'optimizer', keys: ['ss_optimizer'] },
  { label: 'learning rate', keys: ['ss_learning_rate'] },
  { label: 'UNet learning rate', keys: ['ss_unet_lr'] },
  { label: 'text encoder learning rate', keys: ['ss_text_encoder_lr'] },
  { label: 'schedule', keys: ['ss_lr_scheduler'] },
  { label: 'warm-up steps', keys: ['ss_lr_warmup_steps'], unless: OFF },
  { label: 'clip skip', keys: ['ss_clip_skip'] },
  { label: 'prompt tokens', keys: ['ss_max_token_length'] },
  { label: 'noise offset', keys: ['ss_noise_offset'], unless: OFF },
  { label: 'multires noise iterations', keys: ['ss_multires_noise_iterations'], unless: OFF },
  { label: 'multires noise discount', keys: ['ss_multires_noise_discount'], unless: OFF },
  { label: 'adaptive noise scale', keys: ['ss_adaptive_noise_scale'], unless: OFF },
  { label: 'input perturbation', keys: ['ss_ip_noise_gamma'], unless: OFF },
  { label: 'min SNR gamma', keys: ['ss_min_snr_gamma'], unless: OFF },
  { label: 'zero terminal SNR', keys: ['ss_zero_terminal_snr'], unless: OFF },
  { label: 'debiased estimation', keys: ['ss_debiased_estimation'], unless: OFF },
  { label: 'loss', keys: ['ss_loss_type'], unless: ['l2'] },
  { label: 'max norm of weights', keys: ['ss_scale_weight_norms'], unless: OFF },
  { label: 'guidance scale', keys: ['ss_guidance_scale'] },
  { label: 'timestep sampling', keys: ['ss_timestep_sampling'] },
  { label: 'flow shift', keys: ['ss_discrete_flow_shift'] },
  { label: 'precision', keys: ['ss_mixed_precision'], unless: ['no'] },
  { label: 'fp8 base', keys: ['ss_fp8_base'], unless: OFF },
  { label: 'seed', keys: ['ss_seed'] },
  { label: 'shuffled captions', keys: ['ss_shuffle_caption'], unless: OFF },
  { label: 'kept tokens', keys: ['ss_keep_tokens'], unless: OFF },
  { label: 'caption dropout', keys: ['ss_caption_dropout_rate'], unless: OFF },
  { label: 'tag dropout', keys: ['ss_caption_tag_dropout_rate'], unless: OFF },
  { label: 'output name', keys: ['ss_output_name'] },
  { label: 'comment', keys: ['ss_training_comment'] },
]

/** Training summary of a file; undefined if it has no `ss_*` keys. Never throws, whatever the values are. */
export function trainingSummary(metadata: Metadata): TrainingSummary | undefined {
  if (!Object.keys(metadata).some((key) => key.startsWith('ss_'))) return undefined
  return {
    ...trainingData(metadata),
    facts: [
      ...factsByRules(metadata, BASE_RULES),
      ...predictionFact(metadata),
      ...networkArguments(metadata),
      ...progress(metadata),
      ...factsByRules(metadata, RUN_RULES),
      ...times(metadata),
    ],
  }
}

/** kohya has no key of its own for v-prediction: the name of the base model ends in `_v`. */
function predictionFact(metadata: Metadata): Fact[] {
  const version = textOf(metadata, 'ss_base_model_version')
  return version?.endsWith('_v') ? fact('ss_base_model_version', 'prediction', 'v') : []
}

/** LyCORIS keeps its algorithm and the rank of convolutions in the arguments of the network. */
function networkArguments(metadata: Metadata): Fact[] {
  const key = 'ss_network_args'
  const args = parseJsonText(textOf(metadata, key))
  if (!isJsonObject(args)) return []
  const first = (...names: readonly string[]) => {
    return names.map((name) => scalarText(ownValue(args, name))).find((text) => text !== undefined)
  }
  return [
    ...fact(key, 'algorithm', first('algo')),
    ...fact(key, 'preset', first('preset')),
    ...fact(key, 'convolution rank', first('conv_dim', 'conv_rank')),
    ...fact(key, 'convolution alpha', first('conv_alpha')),
    ...fact(key, 'factor', first('factor')),
    ...fact(key, 'DoRA', first('dora_wd')),
  ]
}

/** "10 of 20", or one of the two. */
function progress(metadata: Metadata): Fact[] {
  const of = (label: string, doneKey: string, allKey: string) => {
    const [done, all] = [textOf(metadata, doneKey), textOf(metadata, allKey)]
    const text = done !== undefined && all !== undefined && done !== all ? `${done} of ${all}` : (done ?? all)
    return fact(done === undefined ? allKey : doneKey, label, text)
  }
  return [...of('epochs', 'ss_epoch', 'ss_num_epochs'), ...of('steps', 'ss_steps', 'ss_max_train_steps')]
}

function times(metadata: Metadata): Fact[] {
  const seconds = (key: string) => Number(textOf(metadata, key) ?? Number.NaN)
  const [start, end] = [seconds('ss_training_started_at'), seconds('ss_training_finished_at')]
  return [
    ...fact('ss_training_started_at', 'started', isoTime(start)),
    ...fact('ss_training_finished_at', 'finished', isoTime(end)),
    ...fact('ss_training_finished_at', 'duration', duration(end - start)),
  ]
}

/** Seconds since 1970 as UTC; undefined for what is not a plausible time of training. */
function isoTime(seconds: number): string | undefined {
  const isPlausible = seconds > 1.5e9 && seconds < 5e9 // 2017 to 2128
  return isPlausible ? `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19)}Z` : undefined
}

/** "1 h 20 min"; undefined for what is none. */
function duration(seconds: number): string | undefined {
  if (!(seconds >= 0 && seconds < 1e8)) return undefined
  const minutes = Math.round(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
