import { svelte } from '@sveltejs/vite-plugin-svelte'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { serviceWorker } from './service-worker/plugin.js'

const relay = 'http://127.0.0.1:4321'

export default defineConfig(({ command }) => {
  // what is built is for people, whatever the environment says: with NODE_ENV=test it had no service worker
  if (command === 'build') process.env.NODE_ENV = 'production'
  return {
    // Vue and Svelte for a page of the gallery each
    plugins: [serviceWorker(), vue(), svelte({ configFile: false })],
    // two copies of Yjs or of an editor's core would not know each other's classes
    resolve: {
      dedupe: ['yjs', 'y-protocols', 'lib0', '@codemirror/state', '@codemirror/view', 'react'],
    },
    build: {
      target: 'es2022',
      chunkSizeWarningLimit: 4_000,
      reportCompressedSize: false,
      rollupOptions: {
        // libraries mark what a server of React must leave to the browser: here is no such server
        onwarn: (warning, warn) => warning.code !== 'MODULE_LEVEL_DIRECTIVE' && warn(warning),
      },
    },
    worker: { format: 'es' },
    // `npm run dev` expects a relay beside it, and passes for a page that the relay served
    server: { proxy: { '/sync': { target: relay, ws: true, changeOrigin: true, headers: { origin: relay } } } },
  }
})
