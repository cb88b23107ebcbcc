"""The scene that supports a rule beside the one that breaks it, with what the network answered about each."""

from __future__ import annotations

from collections.abc import Sequence

from kg import Citation, KnowledgeGraph, Rule, World
from kg.formulas import Atom, Formula, Implies, Under, children, walk
from rulekd.report.hunts import found_words
from rulekd.report.images import image, random
from rulekd.report.markup import Markup, joined, tag
from rulekd.report.pictures import legend, picture


def pair(rule: Rule, graph: KnowledgeGraph, shown: set[str]) -> Markup | None:
    """Both sides by side; where nothing breaks the rule, that is said instead.

    Scenes without boxes (rows of a table, say) are told by their answers alone. shown: scenes that the page shows
    already; others are preferred, and what is shown is added. None where there is nothing to say.
    """
    evidence = rule.evidence
    if evidence is None:
        return None
    kept = _figure(rule, "kept", evidence.examples, graph, shown)
    broken = _figure(rule, "broken", evidence.counterexamples, graph, shown) or _hunted(rule, graph, shown)
    if kept is None and broken is None:
        untouched = evidence.teacher.support and not evidence.teacher.violations
        return tag("div", _unbroken(rule), class_="pair") if untouched else None
    lost = _nothing("No supporting scene was kept.", "")
    return tag("div", kept or lost, broken or _unbroken(rule), class_="pair")


def _hunted(rule: Rule, graph: KnowledgeGraph, shown: set[str]) -> Markup | None:
    """The worst made scene that breaks the rule, with who is wrong there."""
    if rule.evidence is None or rule.evidence.hunt is None:
        return None
    for found in rule.evidence.hunt.found:
        head = "✗ A made scene that breaks it"
        figure = _figure(rule, "broken", (found.cited,), graph, shown, head, found_words(found))
        if figure is not None:
            return figure
    return None


def _unbroken(rule: Rule) -> Markup:
    assert rule.evidence is not None  # as in pair
    teacher, hunt = rule.evidence.teacher, rule.evidence.hunt
    if teacher.violations:
        return _nothing("No breaking scene was kept.", f"{teacher.violations:,} groundings break it.")
    among = f"among {teacher.support:,} live groundings in {teacher.units:,} units"
    if hunt is not None and hunt.asked:
        found = f"{hunt.broken:,} in" if hunt.broken else "nor in any of"
        return _nothing("No counterexample", f"{among}, {found} {hunt.asked:,} made scenes.")
    return _nothing("No counterexample", f"{among}.")


def _nothing(head: str, rest: str) -> Markup:
    return tag("p", tag("b", f"{head} "), rest, class_="none")


def _figure(
    rule: Rule,
    verdict: str,
    cited: Sequence[Citation],
    graph: KnowledgeGraph,
    shown: set[str],
    head: str = "",
    more: Sequence[str] = (),
) -> Markup | None:
    """The first of the citations that can be shown, preferably of a scene that is not ``shown`` yet; it is then.

    head: of the caption, where it is not one of the given scenes. more: further lines of it.
    """
    for citation in sorted(cited, key=lambda c: c.scene in shown):
        world = graph.worlds.get(citation.world) if citation.world is not None else None
        drawn = None if world is None else _drawn(rule.formula, world, citation)
        if world is not None and (drawn is not None or not world.boxes):
            shown.add(citation.scene)
            origin = f"made from {citation.scene}" if head else citation.scene
            head = head or ("✓ A scene that supports it" if verdict == "kept" else "✗ A scene that breaks it")
            said = (
                f"{legend(world, citation)} · {origin}",
                *_said(rule.formula, verdict, world, citation),
                *more,
            )
            caption = tag(
                "figcaption",
                tag("b", head, class_=f"line {verdict}"),
                *(tag("span", line, class_="faint") for line in said),
            )
            return tag("figure", drawn, caption)
    return None


def _drawn(formula: Formula, world: World, citation: Citation) -> Markup | None:
    """The scene; for a law under a transform before and after, where what came after is known."""
    if not isinstance(formula, Under):
        return picture(world, citation)
    after = image(world, formula.transform)
    if after is None:
        return picture(world, citation, "before")
    pictures = (picture(world, citation, "before"), picture(after, citation, "after"))
    return joined(*pictures) if None not in pictures else None


def _said(formula: Formula, verdict: str, world: World, citation: Citation) -> list[str]:
    """What the network answered about the cited objects, atom by atom, and what is not known of the image."""
    if isinstance(formula, Under):
        before = answers(children(formula.law)[0], world, citation)
        after = _answered_after(formula, verdict, world, citation)
        told = [f"answered before: {'; '.join(before)}" + (f"; after: {after}" if after else "")]
        if image(world, formula.transform) is None:
            why = "was drawn at random and not kept" if random(formula.transform) else "cannot be drawn"
            told.append(f"shown before the change only: what came after {formula.transform} {why}")
        return told
    told = answers(formula, world, citation)
    return [f"answered: {'; '.join(told)}"] if told else []


def _answered_after(formula: Under, verdict: str, world: World, citation: Citation) -> str:
    """What was answered about the image, which the verdict gives away: a kept equivalence has equal sides."""
    left, right = children(formula.law)
    binding = dict(citation.binding)
    if not (isinstance(left, Atom) and isinstance(right, Atom)):
        return ""
    if not {*left.arguments, *right.arguments} <= set(binding):
        return ""
    before = tuple(binding[name] for name in left.arguments) in world.facts.get(left.predicate, ())
    # an implication is cited where its left side holds
    return f"{right} {'yes' if (before or isinstance(formula.law, Implies)) == (verdict == 'kept') else 'no'}"


def answers(formula: Formula, world: World, citation: Citation) -> list[str]:
    """``left_of(a, b) yes``, for every atom whose variables are all bound by the citation."""
    binding = dict(citation.binding)
    atoms = dict.fromkeys(part for part in walk(formula) if isinstance(part, Atom))
    told = []
    for atom in atoms:
        if not set(atom.arguments) <= set(binding):
            continue
        place = tuple(binding[name] for name in atom.arguments)
        if place in world.invalid.get(atom.predicate, ()):
            told.append(f"{atom} unknown")
        else:
            told.append(f"{atom} {'yes' if place in world.facts.get(atom.predicate, ()) else 'no'}")
    return told
