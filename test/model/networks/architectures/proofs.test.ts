/** Every family of transformers is told from every other, in all its layouts, by keys made from its own table. */
import { describe, expect, it } from 'vitest'
import { identify } from '../../../../src/model/identify/identify.ts'
import type { Identity } from '../../../../src/model/identity.ts'
import type { Proof } from '../../../../src/model/networks/architectures/architecture.ts'
import {
  DIT_ARCHITECTURES,
  type DitArchitecture,
  layoutsOf,
} from '../../../../src/model/networks/architectures/proof.ts'
import { counterOf } from '../../../../src/model/networks/template/counter.ts'
import { type DitLayout, templateIn } from '../../../../src/model/networks/template/network.ts'
import type { Dims } from '../../../../src/model/networks/template/row.ts'
import { otherSpelling, templateTopology } from '../../../../src/model/networks/template/template.ts'
import type { Topology } from '../../../../src/model/networks/topology/match.ts'
import { tableOf } from '../../tables.ts'

/** Of the norm that tells whether a Z-Image can be run in fp16; nothing else is read. */
async function noValues(): Promise<Float64Array> {
  return new Float64Array(1)
}

function identityOf(keys: Topology): Promise<Identity> {
  return identify(tableOf(new Map(keys), { dtype: 'BF16' }), noValues)
}

/** A size that proves a family. */
function isTelling(proofs: readonly Proof[], value: number): boolean {
  return proofs.some(({ size }) => size?.is.includes(value))
}

/** Two blocks of each kind, widths of some tens. */
function narrow({ network: { template, dims }, proofs = [] }: DitArchitecture): Dims {
  const parts = new Set(template.flatMap(({ part }) => part ?? []))
  const counters = new Set(template.flatMap(({ path }) => counterOf(path)?.name ?? []))
  const small = Object.keys(dims).map((name, i): [string, number] => {
    if (parts.has(name) || isTelling(proofs, dims[name]!)) return [name, dims[name]!]
    return [name, counters.has(name) ? Math.min(dims[name]!, 2) : 24 + 8 * i]
  })
  return Object.fromEntries(small)
}

function keysOf({ network }: DitArchitecture, layout: DitLayout, dims: Dims, prefix = ''): Topology {
  const keys = templateTopology(templateIn(network, layout), dims)
  return new Map([...keys].map(([key, shape]) => [prefix + key, shape]))
}

function savedByComfy(keys: Topology): Topology {
  return new Map([...keys].map(([key, shape]) => [otherSpelling(key) ?? key, shape]))
}

const FORMS = DIT_ARCHITECTURES.flatMap((architecture) =>
  layoutsOf(architecture).map((layout) => ({ name: architecture.id, layout, architecture })),
)

/** Layers that have no name in diffusers tell these parts. */
const UNTOLD = new Set(['pixart diffusers alpha-small', 'pixart diffusers sigma'])

describe.each(FORMS)('$name in $layout names', ({ name, layout, architecture }) => {
  const small = narrow(architecture)

  it('is told with published widths, each variant as what it is', async () => {
    const { network, variants } = architecture
    for (const variant of [undefined, ...variants.filter(({ dims, key }) => dims && !key)]) {
      if (UNTOLD.has(`${name} ${layout} ${variant?.id}`)) continue
      const identity = await identityOf(keysOf(architecture, layout, { ...network.dims, ...variant?.dims }))
      expect(identity.architecture?.id).toBe(name)
      if (variant !== undefined) expect(identity.architecture?.variant).toBe(variant.id)
      const [component] = identity.components
      expect([component!.match?.missing, component!.match?.misshapen, component!.match?.extra]).toEqual([
        [],
        [],
        [],
      ])
    }
  })

  it.each(['', 'model.diffusion_model.', 'diffusion_model.', 'model.model.', 'net.', 'transformer.'])(
    'is told with other widths and few blocks, behind "%s", however norms are spelled',
    async (prefix) => {
      const keys = keysOf(architecture, layout, small, prefix)
      expect((await identityOf(keys)).architecture?.id).toBe(name)
      expect((await identityOf(savedByComfy(keys))).architecture?.id).toBe(name)
    },
  )

  it('has no other name without one of the keys that prove it', async () => {
    const keys = keysOf(architecture, layout, small)
    for (const key of provingKeys(architecture, layout).filter((one) => keys.has(one))) {
      const { architecture: found, findings } = await identityOf(
        new Map([...keys].filter(([one]) => one !== key)),
      )
      expect([name, undefined], key).toContain(found?.id)
      if (found === undefined)
        expect(
          findings.map(({ code }) => code),
          key,
        ).toContain('unknown-architecture')
    }
  })
})

function provingKeys({ proofs = [] }: DitArchitecture, layout: DitLayout): string[] {
  return proofs.filter((proof) => proof.layout === layout).flatMap(({ keys }) => keys)
}

function isRefuted({ not = [] }: Proof, keys: Topology): boolean {
  return not.some((key) => keys.has(key) || keys.has(otherSpelling(key) ?? key))
}

/** Families that are looked for before one, with their proofs in a layout that both may have. */
function stronger(index: number): readonly DitArchitecture[] {
  return DIT_ARCHITECTURES.slice(0, index)
}

describe.each(DIT_ARCHITECTURES.map((one, i) => [one.id, one, i] as const))(
  '%s',
  (name, architecture, index) => {
    it.each(layoutsOf(architecture))(
      'does not keep its %s name beside the keys of a stronger family',
      async (layout) => {
        const keys = keysOf(architecture, layout, narrow(architecture))
        for (const other of stronger(index)) {
          const theirs = keysOf(other, 'ldm', narrow(other))
          for (const proof of other.proofs ?? []) {
            if (proof.layout !== 'ldm' || proof.size || isRefuted(proof, keys)) continue
            if (proof.keys.every((key) => keys.has(key))) continue
            const added = proof.keys.flatMap((key) =>
              theirs.has(key) ? [[key, theirs.get(key)!] as const] : [],
            )
            const { architecture: found } = await identityOf(new Map([...keys, ...added]))
            expect(found?.id, other.id).not.toBe(name)
          }
        }
      },
    )
  },
)
