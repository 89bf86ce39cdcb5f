/** Networks without a table of layers, of which nothing is known but the names and shapes of their own tensors. */
import type { Identity } from './identity.ts'
import type { Component, ComponentId, Role } from './networks/components.ts'

/** Roles that make a model, beside which a VAE or an image encoder is a part that is taken whole. */
const MAIN: ReadonlySet<Role> = new Set<Role>(['unet', 'text'])

const NETWORKS: ReadonlySet<Role> = new Set<Role>(['vae', 'control', 'vision', 'depth', 'other'])

/** Factors of an adapter, and words, are no networks. */
const NO_NETWORK: ReadonlySet<ComponentId> = new Set<ComponentId>(['adapter', 'embedding'])

/** Whether a file has a network that may be of any family: not that of a text encoder, which several have. */
export function hasUnknownNetwork(identity: Pick<Identity, 'components' | 'architecture'>): boolean {
  const { components, architecture } = identity
  return (
    architecture === undefined &&
    components.some((component) => component.role === 'unet' || isMainNetwork(component, identity))
  )
}

/**
 * Whether a component that is neither UNet nor text encoder is one that a file is about: the network of a file of its own
 * (VAE, ControlNet, upscaler ..), or the unknown keys of a model of no known architecture.
 */
export function isMainNetwork(
  { id, role }: Pick<Component, 'id' | 'role'>,
  { components, architecture }: Pick<Identity, 'components' | 'architecture'>,
): boolean {
  if (NO_NETWORK.has(id) || !NETWORKS.has(role)) return false
  if (!components.some((other) => MAIN.has(other.role))) return true
  return architecture === undefined && role === 'other'
}
