"""How the page looks, on light and on dark screens and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #fbfbf9; --ink: #22252a; --faint: #666c75; --line: #dcdfe3; --card: #ffffff;
  --good: #2f7d5b; --bad: #b3522e; --floor: #9aa1aa; --thing: #e6e8eb; --edge: #b4bac2;
  --c0: #3d74c7; --c1: #d98324; --c2: #2f8f6b; --c3: #8a5bb5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16181b; --ink: #e4e6e9; --faint: #9aa1ab; --line: #33383f; --card: #1d2024;
    --good: #5cb88f; --bad: #df8a63; --floor: #6b727c; --thing: #2b2f35; --edge: #565d67;
    --c0: #6f9fe8; --c1: #e8a357; --c2: #5fc29b; --c3: #b48ddb;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 16px; }
h2 { font-size: 1.15rem; margin: 40px 0 8px; padding-bottom: 4px; border-bottom: 1px solid var(--line); }
p { margin: 6px 0; max-width: 75ch; }
code { font: 0.86rem/1.4 ui-monospace, monospace; }
p.faint { max-width: none; }
.faint, dt { color: var(--faint); font-size: 0.86rem; }
dl { margin: 0; }
dd { margin: 0; }
.lines, .facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; align-items: baseline; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--faint); font-weight: 500; font-size: 0.86rem; vertical-align: bottom; }
tbody th { font-weight: 600; min-width: 9em; overflow-wrap: normal; }
td code { display: block; min-width: 18em; }
th.number, td.number { text-align: right; padding-left: 12px; white-space: nowrap; }
.bar { display: block; height: 4px; width: 84px; border-radius: 2px; margin: 4px 0 0 auto; background: var(--line); }
.bar i { display: block; height: 4px; border-radius: 2px; }
.bar.good i { background: var(--good); }
.bar.bad i { background: var(--bad); }
.rules { padding-left: 26px; }
.rules li { margin: 0 0 18px; }
.rules p { margin: 0; }
.words { font-size: 1.05rem; }
.ledgers { display: grid; grid-template-columns: max-content 1fr; gap: 0 14px; align-items: baseline; }
.ledgers dd { font-size: 0.9rem; }
.ledgers span + span { color: var(--faint); margin-left: 10px; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 18px; margin-top: 12px; }
.figures { align-items: start; }
.charts { grid-template-columns: repeat(auto-fill, minmax(236px, 1fr)); }
figure { margin: 0; padding: 12px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
figcaption { font-size: 0.9rem; margin-top: 8px; }
figcaption .faint { display: block; }
figcaption ul { margin: 4px 0 0; padding: 0; list-style: none; }
.kept { color: var(--good); }
.broken, .warning { color: var(--bad); }
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg .small { font-size: 9px; fill: var(--faint); }
svg .end { text-anchor: end; }
svg .letter { text-anchor: middle; font-weight: 700; paint-order: stroke; stroke: var(--card); stroke-width: 3.5; }
.floor { stroke: var(--floor); stroke-width: 1; }
.ruler { stroke: var(--faint); stroke-width: 2; }
.thing { fill: var(--thing); stroke: var(--edge); stroke-width: 0.8; fill-opacity: 0.75; }
.cited { stroke: var(--ink); stroke-width: 1.4; fill-opacity: 0.92; }
.outline { fill: none; stroke: var(--ink); stroke-width: 1.4; }
.c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); }
.term { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.t0 { stroke: var(--c0); } .t1 { stroke: var(--c1); } .t2 { stroke: var(--c2); } .t3 { stroke: var(--c3); }
.key { display: inline-block; width: 14px; height: 0; border-top: 3px solid; margin-right: 7px; }
.key { vertical-align: middle; }
.key.t0 { color: var(--c0); } .key.t1 { color: var(--c1); } .key.t2 { color: var(--c2); } .key.t3 { color: var(--c3); }
details summary { cursor: pointer; font-weight: 600; margin-top: 32px; }
@media (max-width: 560px) { .lines, .facts, .ledgers { grid-template-columns: 1fr; } dt { margin-top: 6px; } }
@media print { figure, .rules li { break-inside: avoid; } main { max-width: none; padding: 0; } }
"""
