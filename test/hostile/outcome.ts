import { memorySource } from '../../src/system/bytes.ts'
import { SdtoolError } from '../../src/system/errors.ts'
import { openModel } from '../../src/tensor/formats/open.ts'
import { UnsafePickleError } from '../../src/tensor/formats/security.ts'

/** Code and exit code of the refusal, `undefined` if the file opens. Anything but an SdtoolError fails the test. */
export async function refusal(bytes: Uint8Array): Promise<SdtoolError | undefined> {
  try {
    await openModel(memorySource('attack.ckpt', bytes))
    return undefined
  } catch (error) {
    if (error instanceof SdtoolError) return error
    throw error
  }
}

export async function codeOf(bytes: Uint8Array): Promise<string | undefined> {
  const error = await refusal(bytes)
  if (error && error.exitCode !== 3) throw new Error(`${error.code} has exit code ${error.exitCode}`)
  return error?.code
}

/** `module.name verdict @offset` of all names in the report of a refused pickle. */
export async function reported(bytes: Uint8Array): Promise<string[]> {
  const error = await refusal(bytes)
  if (!(error instanceof UnsafePickleError)) throw new Error(`expected an unsafe pickle, got ${error?.code}`)
  return error.report.globals.map(
    ({ module, name, verdict, offset }) => `${module}.${name} ${verdict} @${offset}`,
  )
}
