// what Vite makes of files that TypeScript does not read
declare module '*.vue' {
  const component: import('vue').Component
  export default component
}
declare module '*.svelte' {
  const component: import('svelte').Component<Record<string, unknown>>
  export default component
}
