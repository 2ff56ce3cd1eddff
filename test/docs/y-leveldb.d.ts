// The types that y-leveldb has are not where its package.json lets TypeScript find them.
declare module 'y-leveldb' {
  import type { Doc } from 'yjs'

  export class LeveldbPersistence {
    constructor(directory: string)
    getYDoc(name: string): Promise<Doc>
    getAllDocNames(): Promise<string[]>
    destroy(): Promise<void>
  }
}
