"""How the page looks, on light and on dark screens, on phones and on paper.

Text has a contrast of 4.5 or more on the page and on cards, lines and shapes of 3 or more, in both schemes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: Colours by their use. c0 to c5: terms of a loss, and objects of a grounding.
LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "page": "#f7f7f4", "card": "#ffffff", "ink": "#1e2227", "faint": "#5b626c", "line": "#d9dce0",
        "good": "#1f6e4d", "bad": "#a8431f", "open": "#7a5a00", "strong": "#2b5fae",
        "thing": "#e6e8eb", "edge": "#a3aab3", "room": "#f4f5f6", "grid": "#e6e8eb", "zero": "#6b727c",
        "c0": "#2f68bd", "c1": "#b9660b", "c2": "#23805c", "c3": "#8350b0", "c4": "#b03a5b", "c5": "#5f6b1f",
    }
)  # fmt: skip
DARK: Mapping[str, str] = MappingProxyType(
    {
        "page": "#14161a", "card": "#1c1f24", "ink": "#e6e8eb", "faint": "#a2a9b3", "line": "#343a42",
        "good": "#62c297", "bad": "#ec9270", "open": "#e0b84e", "strong": "#86b1f0",
        "thing": "#30353c", "edge": "#6d7580", "room": "#22262b", "grid": "#2d3239", "zero": "#8d95a0",
        "c0": "#78a6ee", "c1": "#e9a557", "c2": "#5fc59c", "c3": "#bc96e2", "c4": "#ee8ba6", "c5": "#b7c46a",
    }
)  # fmt: skip

#: How many terms are told apart by colour; what comes after these by its dashes as well.
COLOURS = sum(name[1:].isdigit() for name in LIGHT)


def _variables(palette: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in palette.items())


_PALETTE = f"""
:root {{ color-scheme: light dark; {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
@media print {{ :root {{ color-scheme: light; {_variables({**LIGHT, "page": "#ffffff"})} }} }}
"""

_COLOURS = "\n".join(
    f".c{n} {{ fill: var(--c{n}); }} .t{n} {{ stroke: var(--c{n}); color: var(--c{n}); }}" for n in range(COLOURS)
)

_PAGE = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 72px; overflow-wrap: anywhere; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 20px; letter-spacing: -0.01em; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 56px 0 10px; }
h3 { font-size: 1.05rem; line-height: 1.4; margin: 0; font-weight: 600; }
h2 + p, h3 + p { margin-top: 0; }
p { margin: 6px 0; max-width: 76ch; }
code { font: 0.86rem/1.45 ui-monospace, monospace; }
dl, dd, ol, ul, figure { margin: 0; }
.faint, dt { color: var(--faint); font-size: 0.875em; }
p.faint { max-width: none; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 24px 0 0; font-size: 0.9rem; }
a { color: var(--strong); }
.lines { display: grid; grid-template-columns: max-content 1fr; gap: 8px 20px; align-items: baseline; }
.lines dd { font-size: 1.05rem; max-width: 80ch; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 6px 20px; align-items: baseline; }
.facts dd { font-size: 0.9rem; }
.notes { padding-left: 20px; font-size: 0.9rem; }
.notes li { margin: 3px 0; }
.card, figure { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; }
"""

_TABLES = """
.wide { overflow-x: auto; margin-top: 12px; background-repeat: no-repeat; }
.wide {
  /* a shade at the side on which a table goes on: covers move with the table, shades stay */
  background-image: linear-gradient(90deg, var(--page) 40%, transparent), linear-gradient(270deg, var(--page) 40%,
    transparent), linear-gradient(90deg, var(--line), transparent), linear-gradient(270deg, var(--line), transparent);
  background-position: left, right, left, right; background-size: 40px 100%, 40px 100%, 14px 100%, 14px 100%;
  background-attachment: local, local, scroll, scroll;
}
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); font-size: 0.875rem; padding-bottom: 8px; }
th, td { text-align: left; padding: 8px 14px 8px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--faint); font-weight: 500; font-size: 0.875rem; vertical-align: bottom; }
tbody th { font-weight: 600; min-width: 8.5em; overflow-wrap: normal; }
tbody th .faint { display: block; font-weight: 400; }
tr.chosen th, tr.chosen td { background: var(--card); }
td code, th code { display: block; min-width: 17em; font-weight: 400; }
th.number, td.number { text-align: right; padding-left: 14px; white-space: nowrap; }
td .spread { display: block; color: var(--faint); font-size: 0.8rem; }
.bar { display: block; height: 4px; width: 84px; border-radius: 2px; margin: 5px 0 0 auto; background: var(--line); }
.bar i { display: block; height: 4px; border-radius: 2px; background: var(--ink); }
details { margin-top: 12px; }
td details { margin: 0; } td summary { padding: 0; }
.plan th:first-child { width: 14em; } .plan td:last-child { width: 50%; padding-right: 0; }
summary { cursor: pointer; font-weight: 600; padding: 6px 0; }
.names { columns: 17em; column-gap: 28px; padding: 0; list-style: none; }
.names li { margin: 2px 0; break-inside: avoid; }
"""

_VERDICTS = """
.verdicts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(240px, 100%), 1fr)); gap: 14px; }
.verdicts { margin: 0 0 24px; padding: 0; list-style: none; }
.verdict { border-left: 6px solid var(--tone); }
.verdict p { margin: 0; }
.verdict .word { color: var(--tone); font-size: 1.4rem; line-height: 1.25; font-weight: 700; letter-spacing: 0.02em; }
.verdict .against { font-weight: 600; }
.verdict .amount { font-size: 1.05rem; font-variant-numeric: tabular-nums; margin-top: 6px; }
.beats { --tone: var(--good); } .loses { --tone: var(--bad); } .inconclusive { --tone: var(--open); }
"""

_RULES = """
.rules { padding: 0; list-style: none; display: grid; gap: 16px; margin-top: 14px; }
.rules > li { min-width: 0; }
.rules p { margin: 0; max-width: none; }
.ledgers { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; }
.ledgers { align-items: baseline; margin: 8px 0 0; }
.ledgers dd { font-size: 0.9rem; }
.ledgers span + span { color: var(--faint); margin-left: 10px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); gap: 12px 28px; }
.pair { margin-top: 14px; border-top: 1px solid var(--line); padding-top: 12px; }
.pair figure { border: 0; border-radius: 0; padding: 0; }
.views { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(190px, 100%), 1fr)); gap: 8px 14px; }
.views { align-items: start; }
.views + .views { margin-top: 10px; }
.views span { display: block; font-size: 0.8rem; line-height: 1.3; }
figcaption { font-size: 0.9rem; margin-top: 8px; }
figcaption.above { margin: 0 0 10px; }
figcaption .faint, figcaption b.line { display: block; }
figcaption ul { margin: 4px 0 0; padding: 0; list-style: none; }
.kept { color: var(--good); }
.broken, .warning { color: var(--bad); }
.none { align-self: center; color: var(--faint); font-size: 0.95rem; }
.none b { color: var(--ink); display: block; font-size: 1.05rem; }
"""

_PICTURES = """
svg { display: block; width: 100%; }
svg[viewBox] { height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg .small { font-size: 10px; fill: var(--faint); }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
svg .letter { text-anchor: middle; font-size: 14px; font-weight: 700; }
svg .letter { paint-order: stroke; stroke: var(--card); stroke-width: 3.5; }
.room { fill: var(--room); }
.floor { stroke: var(--zero); stroke-width: 1; }
.ruler { stroke: var(--faint); stroke-width: 2; }
.thing { fill: var(--thing); stroke: var(--edge); stroke-width: 0.8; fill-opacity: 0.75; }
.cited { stroke: var(--ink); stroke-width: 1.4; fill-opacity: 0.92; }
.outline { fill: none; stroke: var(--ink); stroke-width: 1.8; }
.leader { stroke: var(--ink); stroke-width: 1; }
.grid { stroke: var(--grid); stroke-width: 1; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: 16px; }
.charts { margin-top: 14px; align-items: start; }
.term { fill: none; stroke-width: 1.8; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.d1 { stroke-dasharray: 7 3; } .d2 { stroke-dasharray: 2 3; } .d3 { stroke-dasharray: 9 3 2 3; }
.band { fill-opacity: 0.22; stroke: none; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 22px; padding: 0; list-style: none; font-size: 0.9rem; }
.legend svg { display: inline-block; width: 30px; height: 12px; margin-right: 8px; vertical-align: middle; }
"""

_STRIPS = """
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr)); gap: 16px; }
.panels { margin-top: 16px; }
.strips { padding: 0; list-style: none; }
.strips li { display: grid; grid-template-columns: minmax(0, 34%) minmax(0, 1fr) 9.5em; column-gap: 20px; }
.strips li { align-items: center; font-size: 0.9rem; line-height: 1.3; }
.strips li + li { border-top: 1px solid var(--grid); }
.panels .strips li { grid-template-columns: minmax(0, 1fr) max-content; row-gap: 0; padding-top: 6px; }
.panels .strips svg { grid-column: 1 / -1; grid-row: 2; }
.strips .amount { font-variant-numeric: tabular-nums; text-align: right; font-size: 0.85rem; white-space: nowrap; }
.strips .amount span { display: block; }
.strips .axis, .strips .left-out { border: 0; color: var(--faint); }
.panels .strips .axis span { display: none; }
.strips li.axis + li { border-top: 0; }
.strips .left-out { display: block; padding: 6px 0; border-top: 1px solid var(--grid); }
.strips svg { overflow: visible; height: 30px; }
.strips .axis svg { height: 18px; }
.strips .label { min-width: 0; padding: 5px 0; }
.zero { stroke: var(--zero); stroke-width: 1.4; }
.whisker { stroke: var(--ink); stroke-width: 2; }
.point { fill: var(--ink); stroke: var(--card); stroke-width: 1; }
.seed { fill: none; stroke: var(--ink); stroke-width: 1.1; opacity: 0.7; }
.of-teacher { stroke: var(--c1); } .point.of-teacher { fill: var(--c1); stroke: var(--card); }
.of-data { stroke: var(--c0); } .point.of-data { fill: var(--c0); stroke: var(--card); }
"""

_NARROW = """
@media (max-width: 640px) {
  main { padding: 24px 16px 48px; }
  h1 { font-size: 1.5rem; }
  h2 { margin-top: 44px; }
  .lines, .facts, .ledgers { grid-template-columns: 1fr; gap: 0; }
  .lines dt, .facts dt, .ledgers dt { margin-top: 8px; }
  .ledgers span + span { margin-left: 0; display: block; }
  .card, figure { padding: 12px 14px; }
  .strips li { grid-template-columns: minmax(0, 1fr) max-content; column-gap: 12px; padding-top: 4px; }
  .strips svg { grid-column: 1 / -1; grid-row: 2; }
  .views { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 6px 12px; }
  .views .small { font-size: 15px; } .views .letter { font-size: 19px; }
}
"""

#: Paper is about 700 px wide: tables shrink, nothing is cut, and no picture goes over two pages.
_PAPER = """
@media print {
  @page { margin: 14mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  html { font-size: 11.5px; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  h2 { margin-top: 28px; break-after: avoid; }
  h3, summary, caption { break-after: avoid; }
  figure, .rules > li, .strips li, .verdict, tr, .charts > * { break-inside: avoid; }
  thead { display: table-header-group; }
  .wide { overflow: visible; background: none; }
  table { font-size: 0.9rem; }
  th, td { padding: 4px 8px 4px 0; }
  th.number, td.number { padding-left: 6px; }
  thead th.number { white-space: normal; }
  td code, th code { min-width: 0; }
  tbody th { min-width: 9em; overflow-wrap: anywhere; }
  .bar { width: 48px; }
  .number { overflow-wrap: normal; }
  .plan { break-inside: avoid; }
  p, .legend { break-inside: avoid; }
  section > h2 + p, .legend { break-after: avoid; }
  .verdicts { grid-template-columns: repeat(2, 1fr); }
  .strips li { grid-template-columns: minmax(0, 42%) minmax(0, 1fr) 7.5em; column-gap: 12px; }
  .strips .label { padding: 1px 0; }
  .views { grid-template-columns: repeat(2, 1fr); }
  .pair { grid-template-columns: repeat(2, 1fr); gap: 10px 18px; }
  .panels, .charts { grid-template-columns: repeat(2, 1fr); }
  details:not([open]) > summary::after { content: " (closed: open it on the screen to have it on paper)"; }
  details:not([open]) > summary::after { font-weight: 400; color: var(--faint); }
}
"""

#: Of a picture that is a file of its own: the same colours and shapes, without what places it on a page.
PICTURE_STYLE = "\n".join(
    (
        _PALETTE,
        *(line for line in _PICTURES.splitlines() if not line.startswith(("svg {", "svg[", ".chart", ".legend"))),
        _COLOURS,
        ".sheet { fill: var(--card); } svg .kept { fill: var(--good); } svg .broken { fill: var(--bad); }",
        "svg .rule { font: 600 13px ui-monospace, monospace; }",
    )
)

STYLE = "".join(
    (_PALETTE, _PAGE, _TABLES, _VERDICTS, _RULES, _PICTURES, _STRIPS, _COLOURS, _NARROW, _PAPER),
)
