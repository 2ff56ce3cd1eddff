import { hocuspocus } from './hocuspocus.js'
import { plain } from './plain.js'
import { syncline } from './syncline.js'
import type { Wire } from './wire.js'
import { yWebsocket } from './yWebsocket.js'

export { type Codec, type Known, nothing, type Receiver, type Wire } from './wire.js'
export { hocuspocus, plain, syncline, yWebsocket }

/** All wires, by the name that `--wire` takes. */
export const wires: ReadonlyMap<string, Wire> = new Map(
  [syncline, yWebsocket, hocuspocus, plain].map((wire) => [wire.name, wire]),
)
