import { test, expect } from 'vitest'
import * as Y from 'yjs'
import { runSession, Chance, openQuietDoc } from '../../../../test/support/sessions.js'
import { Coverage, admitUpdate, mergeUpdates, differenceFrom } from './index.js'
import { defaultLimits } from '../limits.js'
const hex = (u: Uint8Array) => Buffer.from(u).toString('hex')
export function json(doc: Y.Doc): string {
  const out: any = {}
  for (const [k, t] of [...doc.share].sort()) out[k] = t instanceof Y.Text ? t.toDelta() : (t as any).toJSON()
  return JSON.stringify(out, (_k, v) => typeof v === 'bigint' ? `${v}n` : v instanceof Y.AbstractType ? v.toJSON() : v instanceof Y.Doc ? v.guid : ArrayBuffer.isView(v) ? hex(v as Uint8Array) : v === undefined ? 'undefined' : v)
}
const pending = (d: Y.Doc) => d.store.pendingStructs !== null || d.store.pendingDs !== null
const ds = (d: Y.Doc) => JSON.stringify([...Y.createDeleteSetFromStructStore(d.store).clients].sort((a, b) => a[0] - b[0]))
test('admit', () => {
  let n = 0, inc = 0, bytesDiff = 0, done=0, same=0
  for (let seed = 0; seed < 1500; seed++) try {
    const c = new Chance(seed + 1e6)
    const s = runSession(seed, 30, false)
    const cov = new Coverage()
    const a = openQuietDoc(true), b = openQuietDoc(true)
    const offer = (u: Uint8Array) => {
      n++
      const before = Y.encodeStateAsUpdate(a)
      const r = admitUpdate(cov, u, defaultLimits)
      const probe = openQuietDoc(false); Y.applyUpdate(probe, before)
      Y.applyUpdate(probe, Y.diffUpdate(u, Y.encodeStateVector(probe)))
      expect(r.complete, 'verdict').toBe(!pending(probe))
      if (r.update) { Y.applyUpdate(a, r.update); if (r.update === u) same++ }
      expect(pending(a)).toBe(false)
      expect(hex(cov.encodeStateVector())).toBe(hex(Y.encodeStateVector(a)))
      if (!r.complete) inc++
      Y.applyUpdate(b, u)
      return r
    }
    const pool = c.shuffle([...s.edits, ...s.edits.slice(0, 5), ...s.docs.map(d => Y.encodeStateAsUpdate(d))])
    for (const u of (c.happens(0.5) ? s.edits : pool)) {
      const way = c.int(5)
      if (way === 0) offer(Y.mergeUpdates(c.shuffle(s.edits).slice(0, 1 + c.int(5)) as Uint8Array[]))
      else if (way === 1) offer(Y.diffUpdate(Y.encodeStateAsUpdate(c.pick(s.docs)), Y.encodeStateVector(c.pick(s.docs))))
      else { if (!offer(u).complete && c.happens(0.5)) { const d = c.pick(s.docs); offer(Y.encodeStateAsUpdate(d, cov.encodeStateVector())) } }
    }
    for (const d of s.docs) offer(Y.encodeStateAsUpdate(d, cov.encodeStateVector()))
    for (const e of s.edits) offer(e)
    for (const d of s.docs) offer(Y.encodeStateAsUpdate(d, cov.encodeStateVector()))
    const all = Y.mergeUpdates(s.edits as Uint8Array[])
    expect(offer(all).complete).toBe(true)
    expect(pending(b)).toBe(false)
    expect(hex(Y.encodeStateVector(b))).toBe(hex(Y.encodeStateVector(a)))
    expect(ds(a)).toBe(ds(b))
    expect(json(a)).toBe(json(b))
    if (hex(Y.encodeStateAsUpdate(a)) !== hex(Y.encodeStateAsUpdate(b))) bytesDiff++
    done++
  } catch (e) { console.log('seed', seed, String((e as Error).stack).slice(0, 700)); if (bytesDiff++ > 3) break }
  console.log({ n, inc, bytesDiff, done, same })
})
test('merge', () => {
  let n = 0, bad = 0, equal = 0
  for (let seed = 0; seed < 400; seed++) {
    const c = new Chance(seed + 2e6)
    const s = runSession(seed, 30, false)
    const states = s.docs.map(d => Y.encodeStateAsUpdate(d))
    for (let k = 0; k < 50; k++) {
      const list: Uint8Array[] = Array.from({ length: 2 + c.int(6) }, () => {
        const w = c.int(4)
        if (w === 0) return c.pick(states)
        if (w === 1) return Y.diffUpdate(c.pick(states), Y.encodeStateVector(c.pick(s.docs)))
        if (w === 2) return Y.mergeUpdates(c.shuffle(s.edits).slice(0, 2) as Uint8Array[])
        return c.pick(s.edits)
      }).filter(Boolean)
      if (list.length < 2) continue
      const mine = mergeUpdates(list), theirs = Y.mergeUpdates(list)
      n++
      if (hex(mine) === hex(theirs)) { equal++; continue }
      const a = openQuietDoc(true), b = openQuietDoc(true)
      Y.applyUpdate(a, mine); Y.applyUpdate(b, theirs)
      if (hex(Y.encodeStateAsUpdate(a)) !== hex(Y.encodeStateAsUpdate(b)) || json(a) !== json(b)) {
        if (bad++ < 1) { const show=(u: Uint8Array)=>Y.decodeUpdate(u).structs.map((x: any)=>`${x.id.client%1000}:${x.id.clock}+${x.length}${x.content?.constructor.name ?? x.constructor.name}`).join(' '); const A=show(mine).split(' '), B=show(theirs).split(' '); const bad=new Set([...A.filter(x=>!B.includes(x)),...B.filter(x=>!A.includes(x))]); console.log('merge', seed,k,'mine', A.filter(x=>!B.includes(x)).join(' '), '|theirs', B.filter(x=>!A.includes(x)).join(' ')); for (const l of list) console.log(show(l).split(' ').filter(x=>[...bad].some(b=>b.split(':')[0]===x.split(':')[0])).join(' ')) }
      }
    }
  }
  console.log({ n, bad, equal })
})
test('diff', () => {
  let n = 0, bad = 0, equal = 0, nul = 0
  for (let seed = 0; seed < 400; seed++) {
    const c = new Chance(seed + 3e6)
    const s = runSession(seed, 30, false)
    const updates = [...s.docs.map(d => Y.encodeStateAsUpdate(d)), Y.mergeUpdates(c.shuffle(s.edits).slice(0, 5) as Uint8Array[])]
    for (let k = 0; k < 20; k++) {
      const u = c.pick(updates)
      const sv = c.happens(0.3) ? Y.encodeStateVector(c.pick(s.docs)) : Y.encodeStateVector(new Map([...Y.decodeStateVector(Y.encodeStateVector(c.pick(s.docs)))].map(([k, v]) => [k, c.int(v + 1)] as [number, number]).filter(([, v]) => v > 0)))
      const mine = differenceFrom(u, sv), theirs = Y.diffUpdate(u, sv)
      n++
      if (mine === null) { nul++; expect(hex(theirs)).toBe('0000'); continue }
      if (hex(mine) === hex(theirs)) { equal++; continue }
      const a = openQuietDoc(true), b = openQuietDoc(true)
      Y.applyUpdate(a, mine); Y.applyUpdate(b, theirs)
      if (hex(Y.encodeStateAsUpdate(a)) !== hex(Y.encodeStateAsUpdate(b)) || json(a) !== json(b)) if (bad++ < 3) console.log('diff', seed, hex(u), hex(sv), '\n', hex(mine), '\n', hex(theirs))
    }
  }
  console.log({ n, bad, equal, nul })
})
