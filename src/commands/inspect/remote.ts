/** Inspects a file on a server by its header alone. */

import { parseReference, urlOf } from '../../civitai/api/reference.ts'
import { type Site, siteFor } from '../../civitai/http/hosts.ts'
import { chooseFiles } from '../../civitai/plan/choose.ts'
import { nameFor } from '../../civitai/plan/file-name.ts'
import { resolveReference } from '../../civitai/plan/resolve.ts'
import { openRemote, type RemoteFile } from '../../civitai/transfer/remote-file.ts'
import { withKnownNames } from '../../model/layouts/known-names.ts'
import {
  type Inspection,
  inspectOpened,
  type Refusal,
  refusalOf,
} from '../../operations/inspect/inspection.ts'
import type { InspectionOptions } from '../../operations/inspect/options.ts'
import type { World } from '../../system/world.ts'
import { openModel } from '../../tensor/formats/open.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { downloadUrls } from '../download/run.ts'
import type { Client } from '../shared/civitai-client.ts'

/** Reads headers only, by ranges. Errors become a `Refusal`, except an interruption. @throws the reason of the signal */
export async function inspectRemote(
  reference: string,
  options: InspectionOptions,
  client: Client,
  world: World,
): Promise<Inspection | Refusal> {
  const shown = reference.replace(/[?#].*$/s, '')
  let remote: RemoteFile | undefined
  try {
    remote = await openReference(reference, client)
    const { source, spent, prefetch } = remote
    const model = withKnownNames(await openModel(source))
    const opened = {
      model,
      read: async (_file: unknown, offset: number, target: Uint8Array) => {
        target.set(await source.read(offset, target.byteLength))
      },
      prefetch: (tensors: readonly Tensor[]) => prefetch(tensors.flatMap(placeOf)),
    }
    const inspection = await inspectOpened(source.file.path, opened, { ...options, remote: true }, world)
    return { ...inspection, remote: { ...spent } }
  } catch (error) {
    world.signal.throwIfAborted()
    const file = remote?.source.file ?? { path: shown, size: 0 }
    return refusalOf(file.path, file.size, error)
  }
}

function placeOf({ source }: Tensor) {
  return source.kind === 'stored' ? [{ start: source.offset, length: source.nbytes }] : []
}

/** A file of Civitai, or whatever lies at an address. */
async function openReference(reference: string, client: Client): Promise<RemoteFile> {
  const { site, http, apiOf } = client
  if (/^https?:/i.test(reference) && siteFor(urlOf(reference), site) === undefined) {
    const url = urlOf(reference)
    return openRemote({ name: `${url.origin}${url.pathname}`, url, site: stranger(url) }, http)
  }
  const parsed = parseReference(reference, site)
  const { version, wish } = await resolveReference(parsed, apiOf(parsed.site))
  const file = chooseFiles(version, wish)[0]!
  const name = `civitai:${version.modelId ?? ''}@${version.id}/${nameFor(file, version)}`
  return openRemote({ name, url: downloadUrls(parsed.site, version, file)[0]!, site: parsed.site }, http)
}

/** A host that gets no token. */
function stranger({ origin }: URL): Site {
  return { base: new URL(origin), configured: true }
}
