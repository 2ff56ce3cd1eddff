/** Of the panel alone: nothing of the page gets in. Each pair of colours has a contrast of 4.5 at least, by day and in the dark. */
export const panelStyle = `
:host { display: block; color-scheme: light dark; container-type: inline-size;
  --ink: light-dark(#1f1d1a, #ebe6dc); --muted: light-dark(#5c574f, #b3ac9f); --paper: light-dark(#fffefc, #1e1c19);
  --line: light-dark(#8b8478, #6f685d); --sent: light-dark(#12564f, #74cbb9); --received: light-dark(#7d4e00, #edbb6b);
  color: var(--ink); background: var(--paper); font: 13px/1.45 system-ui, sans-serif; }
section { padding: 12px 16px; display: grid; gap: 12px; }
h2 { margin: 0; font-size: 13px; } figure { margin: 0; }
.controls { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; }
.controls h2 { margin-right: auto; }
button, select { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 6px;
  padding: 4px 10px; min-height: 30px; }
option { color: var(--ink); background: var(--paper); }
button[aria-pressed=true] { background: var(--ink); color: var(--paper); }
:focus-visible { outline: 2px solid var(--sent); outline-offset: 2px; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 8px 16px; margin: 0; }
dt { color: var(--muted); }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: 44px; border-bottom: 1px solid var(--line); }
.sent { fill: var(--sent); color: var(--sent); } .received { fill: var(--received); color: var(--received); }
.messages { max-height: 180px; overflow: auto; }
table { width: 100%; border-collapse: collapse; font: 12px/1.4 ui-monospace, monospace; }
th { text-align: start; font-weight: 600; color: var(--muted); position: sticky; top: 0; background: var(--paper); }
th, td { padding: 1px 12px 1px 0; white-space: nowrap; } td:last-child { width: 100%; white-space: normal; overflow-wrap: anywhere; }
.hint { color: var(--muted); margin: 0; } [hidden] { display: none; }
@container (max-width: 420px) { .when { display: none; } }
`
