import { describe, expect, it } from 'vitest'
import { verdictOf } from '../../../src/tensor/formats/pickle-policy.ts'

/**
 * Names that picklescan (scanner.py, `_unsafe_globals`), torch (`_blocklisted_modules`) or the advisories on them call
 * dangerous; `*` stands for any name of the module.
 */
const DANGEROUS = `
  __builtin__.eval __builtin__.compile __builtin__.getattr __builtin__.apply __builtin__.exec __builtin__.open
  builtins.eval builtins.compile builtins.getattr builtins.exec builtins.open builtins.breakpoint builtins.__import__
  builtins.globals builtins.setattr builtins.vars aiohttp.* asyncio.* bdb.* commands.* ctypes.* functools.partial
  functools.reduce httplib.* numpy.f2py.* numpy.testing._private.utils.* nt.* posix.* operator.attrgetter
  operator.itemgetter operator.methodcaller _operator.attrgetter os.* requests.api.* runpy.* shutil.* socket.* ssl.*
  subprocess.* sys.* code.InteractiveInterpreter.runcode cProfile.runctx distutils.file_util.* doctest.debug_script
  ensurepip._run_pip idlelib.autocomplete.AutoComplete.get_entity lib2to3.pgen2.grammar.Grammar.loads pdb.* pickle.*
  _pickle.* pip.* pty.* profile.Profile.run pydoc.* timeit.* torch._dynamo.guards.GuardBuilder.get
  torch._inductor.codecache.compile_file torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression
  torch.jit.unsupported_tensor_ops.execWrapper torch.serialization.load torch.load torch.hub.load
  torch.utils._config_module.ConfigModule.load_config torch.utils.bottleneck.__main__.run_cprofile
  torch.utils.collect_env.run torch.utils.data.datapipes.utils.decoder.basichandlers trace.Trace.run venv.* webbrowser.*
  marshal.loads types.CodeType types.FunctionType cloudpickle.cloudpickle._make_function importlib.import_module
  pkgutil.resolve_name logging.FileHandler _io.FileIO multiprocessing.* threading.Thread tempfile.* codeop.*
  torch.storage._load_from_bytes numpy.load numpy.memmap torch.distributed.rpc.rpc_sync zipimport.* copyreg.add_extension
`

/** What real checkpoints hold: Lightning, omegaconf, optimizers, trainers. */
const OPAQUE = `
  pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint pytorch_lightning.utilities.parsing.AttributeDict
  lightning.pytorch.callbacks.early_stopping.EarlyStopping omegaconf.dictconfig.DictConfig omegaconf.base.Metadata
  omegaconf.nodes.AnyNode omegaconf.listconfig.ListConfig typing.Any torch.optim.adamw.AdamW
  torch.optim.lr_scheduler.LambdaLR transformers.training_args.TrainingArguments
  transformers.trainer_utils.IntervalStrategy diffusers.configuration_utils.FrozenDict ldm.models.diffusion.ddpm.DDPM
  sgm.modules.encoders.modules.GeneralConditioner numpy.random._pickle.__randomstate_ctor pathlib.PosixPath
  datetime.datetime torch.nn.modules.linear.Linear PIL.Image.Image torch.distributed.fsdp.api.ShardingStrategy
`

const CONSTRUCT = `
  collections.OrderedDict torch._utils._rebuild_tensor_v2 torch._utils._rebuild_parameter torch.FloatStorage
  torch.BFloat16Storage torch.storage.UntypedStorage torch.float8_e4m3fn torch.Size torch.nn.parameter.Parameter
  torch.nn.modules.container.ParameterDict numpy.core.multiarray.scalar numpy._core.multiarray._reconstruct numpy.dtype
  _codecs.encode __builtin__.set builtins.bytearray argparse.Namespace copy_reg._reconstructor
`

/** Functions, dotted names and neighbours of harmless classes: nothing a line of the table was written for. */
const UNKNOWN = `
  __main__.Model models.yolo.Model torch._utils.something transformers.trainer_utils.set_seed
  omegaconf.omegaconf.OmegaConf.load diffusers.loaders.load_lora ldm.util.instantiate_from_config
  pytorch_lightning.core.saving.load_hparams_from_yaml numpy.random.seed
`

/** Module and name: the name is what starts with the first capital or dunder class, else the last part. */
function split(path: string): [string, string] {
  const parts = path.split('.')
  const first = parts.findIndex((part, i) => i > 0 && /^[A-Z]/.test(part) && i < parts.length - 1)
  const at = first > 0 && parts[0] !== 'PIL' ? first : parts.length - 1
  return [parts.slice(0, at).join('.'), parts.slice(at).join('.')]
}

function paths(text: string): string[] {
  return text.trim().split(/\s+/)
}

describe('verdicts', () => {
  it.each(paths(DANGEROUS))('%s is dangerous', (path) => {
    const [module, name] = split(path)
    const names = name === '*' ? ['x', 'run', 'Popen', 'a.b'] : [name]
    for (const one of names) expect(verdictOf(module, one)).toBe('dangerous')
  })

  it.each(paths(OPAQUE))('%s is opaque', (path) => {
    expect(verdictOf(...split(path))).toBe('opaque')
  })

  it.each(paths(CONSTRUCT))('%s is known data', (path) => {
    expect(verdictOf(...split(path))).toBe('construct')
  })

  it.each(paths(UNKNOWN))('%s is unknown', (path) => {
    expect(verdictOf(...split(path))).toBe('unknown')
  })

  it.each([
    ['torch', 'os.system'],
    ['transformers.utils', 'subprocess.Popen'],
    ['collections', 'OrderedDict.__init__.__globals__'],
    ['torch.nn.modules.module', 'builtins.eval'],
    ['transformers.dynamic_module_utils', 'Loader'],
    ['pytorch_lightning.cli', 'LightningCLI'],
    ['torch.distributed.elastic.multiprocessing.subprocess_handler', 'SubprocessHandler'],
    ['PIL.ImageShow', 'UnixViewer'],
  ])('a harmless family does not cover %s %s', (module, name) => {
    expect(verdictOf(module, name)).toBe('dangerous')
  })

  it.each([
    ['constructor', 'x'],
    ['__proto__', 'OrderedDict'],
    ['collections', 'constructor'],
    ['', ''],
    ['torch ', 'FloatStorage'],
    ['torch\n', 'FloatStorage'],
  ])('nothing of JavaScript objects answers for %j %j', (module, name) => {
    expect(['unknown', 'dangerous']).toContain(verdictOf(module, name))
  })
})
