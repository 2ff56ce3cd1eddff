import { comeBack } from './comeBack.js'
import { flood } from './flood.js'
import { joinStorm } from './joinStorm.js'
import { kill } from './kill.js'
import { memory } from './memory.js'
import { firstLoad, keyByKey, unchanged } from './paper.js'
import { presence } from './presence.js'
import { audience, busyDocument, manyDocuments, typist } from './typists.js'
import type { Workload } from './workload.js'

export type { Workload } from './workload.js'

/** In the order of the tables. */
export const workloads: readonly Workload[] = [
  flood(50, 20_000),
  flood(200, 10_000),
  typist,
  audience,
  busyDocument,
  manyDocuments,
  firstLoad,
  memory,
  comeBack,
  joinStorm(5),
  joinStorm(20),
  presence(1),
  presence(10),
  keyByKey,
  unchanged,
  kill,
]
