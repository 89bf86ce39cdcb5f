import type { LookupFunction } from 'node:net'
import { isPrivateHost } from './hosts.ts'
import { messages } from './messages.ts'

export const PRIVATE_ADDRESS = 'PRIVATE_ADDRESS'

/**
 * Looks names up, but refuses those that lead to this machine or its own network, with an error of code
 * `PRIVATE_ADDRESS`. Asked for each connection, it checks the very address that is connected to: a name that is public
 * when it is checked and private a moment later (DNS rebinding) gets no further.
 */
export function publicLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, address, family) => {
      const found = typeof address === 'string' ? [address] : (address ?? []).map(({ address }) => address)
      const refused = error ? undefined : found.find(isPrivateHost)
      if (refused === undefined) callback(error, address, family)
      else callback(privateAddress(hostname, refused), '', family)
    })
  }
}

function privateAddress(hostname: string, address: string): NodeJS.ErrnoException {
  return Object.assign(new Error(messages.resolvesTo(hostname, address)), { code: PRIVATE_ADDRESS })
}
