/** Which device was found to work, kept between runs: trying one takes seconds. */
import * as v from 'valibot'
import { openCacheFile } from '../../library/caches/cache-file.ts'
import { type ChosenDevice, chooseDevice, type Machine } from '../../runtime/devices/choose-device.ts'
import { DEVICE_IDS, type DeviceId, deviceKind } from '../../runtime/devices/devices.ts'
import { graphicsStamp } from '../../runtime/devices/graphics-stamp.ts'
import type { Environment } from '../../system/world.ts'
import { messages } from './messages.ts'

type Wish = DeviceId | 'auto'

export interface DeviceCache {
  get(wish: Wish): ChosenDevice | undefined
  set(wish: Wish, chosen: ChosenDevice): Promise<void>
  forget(): Promise<void>
}

const entry = v.object({
  id: v.picklist(DEVICE_IDS),
  half: v.boolean(),
  why: v.string(),
  /** ISO 8601. */
  at: v.string(),
})

const DAY_MS = 86_400_000
/** A driver may change without a trace. */
const CARD_DAYS = 14
/** That no card works is soon asked again: somebody may be busy putting that right. */
const CPU_DAYS = 1

export async function openDeviceCache({
  env,
  now,
  version,
}: Pick<Environment, 'env' | 'now' | 'version'>): Promise<DeviceCache> {
  const stamp = `devices 1, sdtool ${version}, ${await graphicsStamp(env)}`
  const { entries, save } = await openCacheFile('devices.json', stamp, entry, { env })
  return {
    get: (wish) => chosenOf(entries.get(wish), now()),
    async set(wish, { device, why }) {
      entries.set(wish, { id: device.kind.id, half: device.half, why, at: now().toISOString() })
      await save()
    },
    async forget() {
      entries.clear()
      await save()
    },
  }
}

/** What an entry says, if it is not too old. */
function chosenOf(found: v.InferOutput<typeof entry> | undefined, now: Date): ChosenDevice | undefined {
  if (found === undefined) return undefined
  const { id, half, why, at } = found
  const age = now.getTime() - Date.parse(at)
  const isFresh = age >= 0 && age < DAY_MS * (id === 'cpu' ? CPU_DAYS : CARD_DAYS)
  if (!isFresh) return undefined
  return {
    device: { kind: deviceKind(id), half },
    why: messages.triedOn(why, at.slice(0, 10)),
  }
}

/**
 * The device that was found last time, or what `chooseDevice` finds now.
 * @throws DEVICE_UNAVAILABLE (exit 1)
 */
export async function knownDevice(
  wish: Wish,
  machine: Machine,
  environment: Pick<Environment, 'env' | 'now' | 'version'>,
): Promise<ChosenDevice> {
  if (wish === 'cpu') return chooseDevice(wish, machine)
  const cache = await openDeviceCache(environment)
  const known = cache.get(wish)
  if (known) return known
  const chosen = await chooseDevice(wish, machine)
  await cache.set(wish, chosen)
  return chosen
}
