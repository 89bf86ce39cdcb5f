/** sdtool as a library. Importing it does nothing; see docs/api.md. */
export { inspect } from './api/inspect.ts'
export { listModels } from './api/list-models.ts'
export { openModel } from './api/open-model.ts'
export { operations } from './api/operations.ts'
export type * from './api/options.ts'
export { render } from './api/render.ts'
export { run } from './api/run.ts'
export type {
  CallOptions,
  Component,
  Finding,
  Identity,
  InspectOptions,
  InspectResult,
  ListedModel,
  LoraChoice,
  Model,
  ModelFile,
  OpenModel,
  Picture,
  Progress,
  Rendered,
  RenderOptions,
  RunRequest,
  RunResult,
  Tensor,
  Verb,
} from './api/types.ts'
export { EXIT, type ExitCode, SdtoolError } from './system/errors.ts'
