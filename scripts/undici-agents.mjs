/** What sdtool uses of undici. Its index.js also loads fetch, web sockets, caches and mocks: 9 MB and 50 ms of every call. */
import connect from '../node_modules/undici/lib/api/api-connect.js'
import Dispatcher from '../node_modules/undici/lib/dispatcher/dispatcher.js'

// as index.js does: the agent for proxies opens its tunnels by it
Dispatcher.prototype.connect = connect

export { default as Agent } from '../node_modules/undici/lib/dispatcher/agent.js'
export { default as EnvHttpProxyAgent } from '../node_modules/undici/lib/dispatcher/env-http-proxy-agent.js'
