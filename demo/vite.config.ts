import { defineConfig } from 'vite'
import { serviceWorker } from './service-worker/plugin.js'

const relay = 'http://127.0.0.1:4321'

export default defineConfig({
  plugins: [serviceWorker()],
  // two copies of Yjs or of an editor's core would not know each other's classes
  resolve: {
    dedupe: ['yjs', 'y-protocols', 'lib0', '@codemirror/state', '@codemirror/view', '@tiptap/core', '@tiptap/pm'],
  },
  build: { target: 'es2022' },
  // `npm run dev` expects a relay beside it, and passes for a page that the relay served
  server: { proxy: { '/sync': { target: relay, ws: true, changeOrigin: true, headers: { origin: relay } } } },
})
