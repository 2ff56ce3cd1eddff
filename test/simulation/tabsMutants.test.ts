import { describeMutants, type Mutant } from './mutate.js'

/** One broken promise of several tabs each: their simulation must notice every one of them. */
const mutants: Mutant[] = [
  {
    name: 'leave to a dead tab what only it could send',
    file: 'client/src/tabs/siblings.ts',
    find: '    for (const update of joined(other.unsettled.map((each) => each.update))) this.#host.adopt(update)\n',
    replace: '',
  },
  {
    name: 'build on what another tab has not kept',
    file: 'client/src/document.ts',
    find: '      this.#siblings?.adopt()\n',
    replace: '',
  },
  {
    name: 'take an edit without those that were told before this tab came',
    file: 'client/src/tabs/siblings.ts',
    find: 'this.#hasAsked ? this.#take(other, message) : ',
    replace: 'this.#take(other, message) ?? ',
  },
  {
    name: 'leave the rows of a dead tab where they are',
    file: 'client/src/connection.ts',
    find: '        this.#offline.foundMore()\n        this.#reread()\n',
    replace: '',
  },
  {
    name: 'not take for its own what nobody has saved',
    file: 'protocol/src/peer/copyQueue.ts',
    find: '      addRowTo(outbox, update, changes, id)\n    }\n    this.#resume = copy.resume',
    replace: '    }\n    this.#resume = copy.resume',
  },
  {
    name: 'give a channel to two sessions',
    file: 'client/src/tabs/trunk.ts',
    find: 'const number = known ?? ++this.#lastChannel',
    replace: 'const number = known ?? channel',
  },
  {
    name: 'keep the sessions of a dead tab',
    file: 'client/src/tabs/tabs.ts',
    find: '    for (const member of [...(this.#members.get(tab) ?? [])]) member.leave()\n',
    replace: '',
  },
]

describeMutants('the simulation of tabs notices when the code', { run: './runTabs.ts', seedsMax: 400 }, mutants)
