/** The names and hashes that A1111 writes into pictures, so that they lead back to the files. */
import { basename } from 'node:path'
import type { HashedFile } from '../../image/infotext/write.ts'
import { stemOf } from '../../model/file-name.ts'
import type { HashName } from '../../system/hash.ts'
import type { Environment } from '../../system/world.ts'
import { hashWithProgress } from '../hashing.ts'

/** Digits of SHA-256 that stand for a checkpoint or a VAE (`sd_models.py`, `sd_vae.py`). */
const MODEL_DIGITS = 10
/** For a LoRA or an embedding (`network.py`, `textual_inversion.py`). */
const ADDITION_DIGITS = 12

type Hashing = Pick<Environment, 'signal' | 'progress'>

export async function hashedModel(path: string, hashing: Hashing): Promise<HashedFile> {
  return { name: stemOf(basename(path)), hash: await digits(path, 'sha256', MODEL_DIGITS, hashing) }
}

/** A1111 names a VAE with its ending. */
export async function hashedVae(path: string, hashing: Hashing): Promise<HashedFile> {
  return { name: basename(path), hash: await digits(path, 'sha256', MODEL_DIGITS, hashing) }
}

const RE_SHA256 = /^[0-9a-f]{64}$/i

/**
 * @param name as it stands in the prompt
 * @param metadata of the file: trainers put the hash of its weights there, which A1111 takes unseen
 */
export async function hashedLora(
  name: string,
  path: string,
  metadata: Readonly<Record<string, string>>,
  hashing: Hashing,
): Promise<HashedFile> {
  const known = metadata.sshs_model_hash ?? ''
  if (RE_SHA256.test(known)) return { name, hash: known.slice(0, ADDITION_DIGITS) }
  const isSafetensors = path.toLowerCase().endsWith('.safetensors')
  return { name, hash: await digits(path, isSafetensors ? 'autoV3' : 'sha256', ADDITION_DIGITS, hashing) }
}

/** @param name that of the file, or what a picture with an embedding calls it */
export async function hashedEmbedding(name: string, path: string, hashing: Hashing): Promise<HashedFile> {
  return { name, hash: await digits(path, 'sha256', ADDITION_DIGITS, hashing) }
}

async function digits(path: string, hash: HashName, count: number, hashing: Hashing): Promise<string> {
  return (await hashWithProgress(path, [hash], hashing))[hash]!.slice(0, count)
}
