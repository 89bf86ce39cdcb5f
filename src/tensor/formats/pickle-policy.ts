/**
 * What the names in a pickle mean. Nothing is ever called; the verdict only decides whether a file is read at all
 * and what the report says of it. The order is: known data, known harmless classes, dangerous, harmless families,
 * unknown. Whatever no line here allows is refused, so a missing line costs a refusal and never an unsafe file.
 */
import type { PickleGlobal } from '../values/table.ts'
import { PYTHON2_MODULES } from './pickle-values.ts'

export type GlobalVerdict = PickleGlobal['verdict']

function words(text: string): string[] {
  return text.trim().split(/\s+/)
}

type NameTable = ReadonlyMap<string, ReadonlySet<string>>

function nameTable(rows: Record<string, string>): NameTable {
  return new Map(Object.entries(rows).map(([module, names]) => [module, new Set(words(names))]))
}

const NUMPY_MULTIARRAY = '_reconstruct scalar'
const NUMPY_SCALARS = `float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool_ bool
  complex64 complex128 longlong ulonglong`
const TORCH_DTYPES = `float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool
  complex32 complex64 complex128 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu
  float4_e2m1fn_x2 float half double long int short`
const TORCH_STORAGES = `FloatStorage HalfStorage BFloat16Storage DoubleStorage LongStorage IntStorage ShortStorage
  CharStorage ByteStorage BoolStorage ComplexFloatStorage ComplexDoubleStorage QInt8Storage QUInt8Storage
  QInt32Storage QUInt4x2Storage QUInt2x4Storage`
const STORAGE_CLASSES = 'UntypedStorage TypedStorage _UntypedStorage _TypedStorage'
const REBUILDERS = `_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter
  _rebuild_parameter_with_state _rebuild_device_tensor_from_numpy _rebuild_device_tensor_from_cpu_tensor`

/** Data that the readers of tensors, arrays and plain values know how to read. */
const CONSTRUCT: NameTable = nameTable({
  collections: 'OrderedDict defaultdict Counter deque',
  builtins: 'set frozenset bytearray complex dict list int float str bytes tuple slice bool object range',
  copyreg: '_reconstructor __newobj__',
  _codecs: 'encode',
  argparse: 'Namespace',
  torch: `${TORCH_STORAGES} ${TORCH_DTYPES} ${STORAGE_CLASSES} Size device Tensor`,
  'torch.storage': STORAGE_CLASSES,
  'torch.cuda': TORCH_STORAGES,
  'torch._utils': REBUILDERS,
  'torch._tensor': '_rebuild_from_type_v2',
  'torch.nn.parameter': 'Parameter',
  'torch.nn.modules.container': 'ParameterDict ParameterList',
  'torch.serialization': '_get_layout',
  numpy: `ndarray dtype ${NUMPY_SCALARS}`,
  'numpy.core.multiarray': NUMPY_MULTIARRAY,
  'numpy._core.multiarray': NUMPY_MULTIARRAY,
  'numpy.core.numeric': '_frombuffer',
  'numpy._core.numeric': '_frombuffer',
})

/** Single names that are kept without being built. */
const OPAQUE: NameTable = nameTable({
  'torch._utils':
    '_rebuild_sparse_tensor _rebuild_qtensor _rebuild_nested_tensor _rebuild_meta_tensor_no_storage',
  torch: `per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric strided sparse_coo
    contiguous_format channels_last preserve_format FloatTensor HalfTensor BFloat16Tensor DoubleTensor LongTensor
    IntTensor ShortTensor CharTensor ByteTensor BoolTensor Generator`,
  'torch.amp.grad_scaler': 'GradScaler OptState _refresh_per_optimizer_state',
  'torch.cuda.amp.grad_scaler': 'GradScaler OptState _refresh_per_optimizer_state',
  'numpy.random._pickle': '__randomstate_ctor __generator_ctor __bit_generator_ctor',
  'numpy.dtypes': 'Float32DType Float64DType Int64DType',
  pathlib: 'Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath',
  'pathlib._local': 'Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath',
  datetime: 'datetime date time timedelta timezone',
  decimal: 'Decimal',
  fractions: 'Fraction',
  typing: 'Any Union Optional List Dict Tuple',
  types: 'SimpleNamespace',
  collections: 'UserDict UserList',
})

/**
 * Packages, with all below them, whose classes are found in checkpoints: callbacks, hyper parameters, optimizers,
 * module trees. Only names that look like classes (`ModelCheckpoint`), never functions or dotted names, as those are
 * how pickles run code; and never what DANGEROUS_MODULES takes out again.
 */
const FAMILIES: readonly string[] = words(`
  pytorch_lightning lightning.pytorch lightning.fabric lightning_fabric omegaconf torch.optim torch.nn.modules
  torch.nn.parameter torch.distributed.fsdp torch.distributed._shard torch.distributed.tensor
  torch.distributed._tensor transformers diffusers accelerate.utils.dataclasses accelerate.state peft.tuners
  peft.utils.peft_types ldm sgm taming.modules PIL numpy.random
`)

const CLASS_NAME = /^[A-Z][A-Za-z0-9_]*$/

/**
 * Modules whose functions can run code, load more code, or reach files and the network; each with all below it.
 * Sources: the deny lists of picklescan and fickling, the advisories on them, and `torch` internals that evaluate
 * text. The whole standard library is added below.
 */
const DANGEROUS_MODULES: readonly string[] = words(`
  commands httplib urllib2 aiohttp requests urllib3 httpx paramiko fabric pip setuptools pkg_resources cloudpickle dill
  joblib IPython ipykernel pexpect psutil sh plumbum invoke pandas.io.pickle pandas.read_pickle srsly jsonpickle keras tensorflow
  torch.hub torch.jit torch._dynamo torch._inductor torch._classes torch.classes torch._ops torch.ops torch.fx
  torch.utils torch.package torch.multiprocessing torch.testing torch.onnx torch.profiler torch.export torch._export
  torch.serialization torch.compiler torch._C torch.distributed.rpc torch.distributed.elastic torch.distributed.launch
  torch.distributed.launcher torch.distributed.run torch.distributed.nn torch.load torch.save torch.from_file torch.compile
  torch.import_ir_module torch.storage._load_from_bytes torch._utils_internal torch._logging torch._guards
  numpy.testing numpy.f2py numpy.distutils numpy.ctypeslib numpy.lib numpy.load numpy.save numpy.savez numpy.memmap
  numpy.fromfile numpy.loadtxt numpy.genfromtxt numpy.savetxt numpy.DataSource numpy.fromregex numpy.core.memmap
  numpy._core.memmap numpy.compat numpy.ma.mrecords numpy.conftest
  pytorch_lightning.cli pytorch_lightning.strategies.launchers pytorch_lightning.tuner pytorch_lightning.demos
  pytorch_lightning.utilities.cli lightning.pytorch.cli lightning.pytorch.strategies.launchers lightning.pytorch.tuner
  lightning.pytorch.demos lightning.fabric.cli lightning.fabric.strategies.launchers lightning_fabric.cli
  lightning_fabric.strategies.launchers
  transformers.agents transformers.commands transformers.dynamic_module_utils transformers.onnx transformers.pipelines
  transformers.sagemaker transformers.testing_utils transformers.tools transformers.utils.hub
  transformers.utils.import_utils diffusers.commands diffusers.pipelines diffusers.utils.dynamic_modules_utils
  diffusers.utils.testing_utils PIL.ImageShow PIL.ImageGrab PIL.ImageMath PIL.EpsImagePlugin PIL._util
`)

/**
 * Top-level modules of Python's standard library, 3.8 to 3.14, and removed ones. Its few harmless names are allowed
 * above; a weight file has no business with the rest.
 */
const STANDARD_LIBRARY: ReadonlySet<string> = new Set(
  words(`
  __future__ _abc _aix_support _android_support _apple_support _ast _asyncio _bisect _blake2 _bootsubprocess _bz2
  _codecs _collections _collections_abc _colorize _compat_pickle _compression _contextvars _crypt _csv _ctypes _curses
  _datetime _dbm _decimal _elementtree _frozen_importlib _frozen_importlib_external _functools _gdbm _hashlib _heapq
  _imp _interpchannels _interpqueues _interpreters _io _ios_support _json _locale _lsprof _lzma _markupbase _md5 _msi
  _multibytecodec _multiprocessing _opcode _opcode_metadata _operator _osx_support _overlapped _pickle
  _posixshmem _posixsubprocess _py_abc _pydatetime _pydecimal _pyio _pylong _pyrepl _queue _random _scproxy _sha1
  _sha2 _sha256 _sha3 _sha512 _signal _sitebuiltins _socket _sqlite3 _sre _ssl _stat _statistics _string _strptime
  _struct _suggestions _symtable _sysconfig _testcapi _thread _threading_local _tkinter _tokenize _tracemalloc _types
  _typing _uuid _warnings _weakref _weakrefset _winapi _wmi _zoneinfo _zstd abc aifc annotationlib anydbm antigravity
  argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii bisect builtins bz2 cProfile
  calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall compression concurrent
  configparser contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib
  dis distutils doctest email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch formatter
  fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http
  idlelib imaplib imghdr imp importlib inspect world ipaddress itertools json keyword lib2to3 linecache locale logging
  lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt
  ntpath nturl2path numbers opcode operator optparse os os2emxpath ossaudiodev parser pathlib pdb pickle pickletools
  pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc
  pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select
  selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile
  sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau symbol symtable sys sysconfig
  syslog tabnanny tarfile telnetlib tempfile termios test textwrap this threading time timeit tkinter token tokenize
  tomllib trace traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib uu uuid venv
  warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc xxsubtype zipapp zipfile zipimport zlib
  zoneinfo
`),
)

function listed(table: NameTable, module: string, name: string): boolean {
  return table.get(module)?.has(name) ?? false
}

function within(path: string, module: string): boolean {
  return path === module || path.startsWith(`${module}.`)
}

/**
 * From protocol 4 on a name may be dotted, and then `torch` `os.system` is `os.system`: any part of a dotted name
 * that is called like a standard module counts.
 */
function isDangerous(module: string, name: string): boolean {
  const parts = name.split('.')
  if (STANDARD_LIBRARY.has(module.split('.', 1)[0]!)) return true
  if (parts.length > 1 && parts.some((part) => STANDARD_LIBRARY.has(part) || part.startsWith('__')))
    return true
  const path = `${module}.${name}`
  return DANGEROUS_MODULES.some((dangerous) => within(path, dangerous))
}

function inFamily(module: string, name: string): boolean {
  return CLASS_NAME.test(name) && FAMILIES.some((family) => within(module, family))
}

/** What a pickle that names `module.name` is up to. */
export function verdictOf(rawModule: string, name: string): GlobalVerdict {
  const module = PYTHON2_MODULES.get(rawModule) ?? rawModule
  if (listed(CONSTRUCT, module, name)) return 'construct'
  if (listed(OPAQUE, module, name)) return 'opaque'
  if (isDangerous(module, name)) return 'dangerous'
  return inFamily(module, name) ? 'opaque' : 'unknown'
}
