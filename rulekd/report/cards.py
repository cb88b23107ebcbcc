"""One rule as one SVG file: its text, its numbers, a scene that supports it and one that breaks it, seen from above."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from kg import Citation, KnowledgeGraph, Rule, RulekdError
from kg.files import write_atomically
from kg.formulas import Under
from kg.tables import rate_text
from rulekd.report.citations import answers
from rulekd.report.markup import Markup, tag
from rulekd.report.pictures import WIDTH, legend, picture
from rulekd.report.style import PICTURE_STYLE

#: Around the card, and between its two scenes, units of the picture.
SPACE = 18.0
#: Where the scenes begin, under three lines of text; a line below them.
TOP, LINE = 78.0, 18.0


def save_card(rule: Rule, graph: KnowledgeGraph, path: str | Path) -> Path:
    """Write the card of a rule to a new .svg file, whole or not at all."""
    target = Path(path)
    if target.suffix != ".svg":
        raise RulekdError(f"{target}: the picture of a rule is an .svg", hint="Name the file so.")
    if target.exists():
        raise RulekdError(f"{target} exists already, and nothing is overwritten", hint="Choose another path.")
    write_atomically(target, card(rule, graph) + "\n")
    return target


def card(rule: Rule, graph: KnowledgeGraph) -> Markup:
    """The picture; an error where no scene of the rule was kept with its boxes."""
    evidence = rule.evidence
    scenes = [
        ("✓ a scene that supports it", "kept", _view(rule, graph, evidence.examples if evidence else ())),
        ("✗ a scene that breaks it", "broken", _view(rule, graph, evidence.counterexamples if evidence else ())),
    ]
    drawn = [(head, tone, view) for head, tone, view in scenes if view is not None]
    if evidence is None or not drawn:
        raise RulekdError(
            f"rule '{rule.name}' cites no scene that can be drawn", hint="Extract it from scenes with boxes."
        )
    width = SPACE + len(drawn) * (WIDTH + SPACE)
    broken = f"{evidence.violations:,} of {evidence.support:,} groundings break it"
    lines = [
        tag("text", rule.text, x=SPACE, y=28, class_="rule", textLength=_fitted(rule.text, width)),
        tag("text", f"{broken}; rate, 95 %: {rate_text(evidence.interval)}", x=SPACE, y=46),
    ]
    height = TOP
    for place, (head, tone, (view, tall, below)) in enumerate(drawn):
        left = SPACE + place * (WIDTH + SPACE)
        lines.append(tag("text", head, x=left, y=TOP - 10, class_=tone))
        lines.append(
            Markup(view.replace("<svg ", f'<svg x="{left:g}" y="{TOP:g}" width="{WIDTH:g}" height="{tall:g}" ', 1))
        )
        lines += [tag("text", text, x=left, y=TOP + tall + LINE * n) for n, text in enumerate(below, 1)]
        height = max(height, TOP + tall + LINE * len(below) + SPACE)
    return tag(
        "svg",
        tag("title", rule.text),
        Markup(f"<style>{PICTURE_STYLE}</style>"),
        tag("rect", x=0, y=0, width=width, height=height, class_="sheet"),
        *lines,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
    )


def _view(rule: Rule, graph: KnowledgeGraph, cited: Sequence[Citation]) -> tuple[str, float, list[str]] | None:
    """The plan of the first citation that can be drawn, its height, and what the network answered there."""
    for citation in cited:
        drawing = None if citation.world is None else picture(graph.worlds[citation.world], citation)
        if drawing is not None:
            (plan, *_) = re.findall(r"<svg .*?</svg>", drawing, flags=re.DOTALL)
            (height,) = re.findall(r'viewBox="0 0 \S+ (\S+)"', plan)
            world = graph.worlds[citation.world or ""]
            said = [] if isinstance(rule.formula, Under) else answers(rule.formula, world, citation)
            return plan, float(height), [legend(world, citation), citation.scene, *said]
    return None


def _fitted(text: str, width: float) -> float | None:
    """Width into which a long text is pressed; None where it has room as it is (7.3 units a letter)."""
    return None if 7.3 * len(text) <= width - 2 * SPACE else width - 2 * SPACE
