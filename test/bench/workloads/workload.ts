import type { Measure } from '../measure.js'
import type { ServerKind } from '../servers/kinds.js'
import type { Trial } from '../trial.js'

/** Something that people do to a relay, at a size that shows. */
export interface Workload extends Measure {
  /** also with y-websocket clients on our relay */
  readonly withStockClients?: boolean
  /** it measures memory: the server must free what it can when it is told so */
  readonly isInspected?: boolean
  /** it starts and stops its server: not for one that somebody else runs */
  readonly isLocal?: boolean
  /** servers that it says nothing of, or nothing that another one does not say; default none */
  skips?(kind: Pick<ServerKind, 'name' | 'keeps'>): boolean
  run(trial: Trial): Promise<Record<string, number>>
}
