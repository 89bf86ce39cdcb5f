/** What programs put around the names of a model's tensors. */

import { messages } from './messages.ts'

export interface Wrapper {
  /** One word of a name, without dots. */
  readonly word: string
  /** `anywhere`: no network has a module of that name. `front`: only before all of a model, as networks use the word, too. */
  readonly place: 'anywhere' | 'front'
  /** Who writes it, for people. */
  readonly by: () => string
}

/** A new one is a line here. */
export const WRAPPERS: readonly Wrapper[] = [
  // torch/_dynamo/eval_frame.py, OptimizedModule
  { word: '_orig_mod', place: 'anywhere', by: () => 'torch.compile' },
  // torch/nn/parallel/data_parallel.py and distributed.py, torch/optim/swa_utils.py (AveragedModel), DeepSpeed's engine
  { word: 'module', place: 'anywhere', by: () => messages.dataParallel },
  // torch/distributed/fsdp/_common_utils.py
  { word: '_fsdp_wrapped_module', place: 'anywhere', by: () => 'FSDP' },
  // torch/distributed/algorithms/_checkpoint/checkpoint_wrapper.py
  { word: '_checkpoint_wrapped_module', place: 'anywhere', by: () => messages.activationCheckpointing },
  // lightning/fabric/wrappers.py
  { word: '_forward_module', place: 'anywhere', by: () => 'Lightning Fabric' },
  // lucidrains/ema-pytorch
  { word: 'ema_model', place: 'front', by: () => 'ema-pytorch' },
  { word: 'online_model', place: 'front', by: () => 'ema-pytorch' },
  // attributes under which trainers keep the network
  { word: 'model', place: 'front', by: () => messages.aTrainer },
  { word: 'net', place: 'front', by: () => messages.aTrainer },
  { word: 'network', place: 'front', by: () => messages.aTrainer },
  { word: 'state_dict', place: 'front', by: () => messages.aTrainer },
  { word: 'student', place: 'front', by: () => messages.aTrainer },
  // parts of a model that stand alone
  { word: 'diffusion_model', place: 'front', by: () => messages.cutOutModel },
  { word: 'transformer', place: 'front', by: () => messages.cutOutModel },
]
