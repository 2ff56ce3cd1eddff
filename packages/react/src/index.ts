'use client'

/**
 * Syncline for React: documents, their status, cursors and shared data as hooks.
 *
 * @packageDocumentation
 */
export type { Plain, SharedType } from './mirror.js'
export type { Until } from './openDocument.js'
export { SynclineProvider, type SynclineProviderProps, useConnection } from './provider.js'
export { type Peer, useAwareness } from './useAwareness.js'
export { useDoc } from './useDoc.js'
export { type SuspenseDocumentOptions, useDocument, useSuspenseDocument } from './useDocument.js'
export { useShared } from './useShared.js'
export { useStatus } from './useStatus.js'
