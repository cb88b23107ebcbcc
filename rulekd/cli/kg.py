"""`rulekd kg`: read and edit the rules of a graph file. Needs no torch: it works on any machine, at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from kg import Citation, Definition, Hunt, Kind, KnowledgeGraph, Probes, Rule, Status, in_words
from kg.errors import unknown
from kg.formulas import predicates
from kg.listing import called, rule_table
from kg.tables import fields, how_many, percent
from rulekd.cli.completing import rule_names
from rulekd.cli.manners import JsonFlag, answer, log, overview

commands = typer.Typer(callback=overview, invoke_without_command=True)

File = Annotated[Path, typer.Argument(help="A graph file, such as rooms.kg.json.", metavar="FILE")]
Refs = Annotated[
    list[str], typer.Argument(help="Rules, each by its id, name or text.", metavar="RULE...", autocompletion=rule_names)
]
Reason = Annotated[str, typer.Option(help="Why; kept with the rule.")]


@commands.command("list")
def list_rules(
    file: File,
    every: Annotated[bool, typer.Option("--all", help="Also rules that follow from others.")] = False,
    status: Annotated[Status | None, typer.Option(help="Only rules of this status.")] = None,
    confirmed: Annotated[bool, typer.Option("--confirmed", help="Only rules that were confirmed.")] = False,
    predicate: Annotated[str, typer.Option(help="Only rules that speak of this predicate.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """List the rules of a graph: its axioms, or all of them."""
    graph = KnowledgeGraph.load(file)
    if predicate and predicate not in graph.vocabulary:
        raise unknown("predicate", predicate, graph.vocabulary)
    everything = [
        rule
        for rule in graph.rules(status)
        if (not confirmed or (rule.evidence is not None and rule.evidence.confirmed))
        and (not predicate or predicate in predicates(rule.formula))
    ]
    shown = [rule for rule in everything if every or not rule.entailed]
    text = "\n".join(rule_table(shown, ids=True))
    hidden = len(everything) - len(shown)
    if hidden:
        text += f"\n\n{hidden} more follow from these: --all lists them"
    answer({"rules": [record(rule) for rule in shown]}, text, as_json=as_json)


@commands.command("show")
def show(
    file: File,
    rule: Annotated[
        str, typer.Argument(help="A rule by its id, name or text.", metavar="RULE", autocompletion=rule_names)
    ],
    out: Annotated[
        Path | None, typer.Option(help="Draw it to this .svg: a scene that supports it, and one that breaks it.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show one rule: what it says, what speaks for it and against it, where it comes from."""
    graph = KnowledgeGraph.load(file)
    found = graph.rule(rule)
    evidence, provenance = found.evidence, found.provenance
    details = {
        **record(found),
        "in_words": in_words(found),
        "replaces": found.replaces,
        "evidence": evidence,
        "provenance": provenance,
    }
    if out is not None:
        # drawing knows scenes, and brings torch with them
        from rulekd.report.cards import save_card

        details["picture"] = save_card(found, graph, out)
        log(f"drawn: {out}")
    answer(details, _details(graph, found), as_json=as_json)


@commands.command("accept")
def accept(file: File, rules: Refs, reason: Reason = "", as_json: JsonFlag = False) -> None:
    """Accept rules: a person vouches for them. The file is replaced as a whole."""
    _decide(file, rules, Status.ACCEPTED, reason, as_json)


@commands.command("reject")
def reject(file: File, rules: Refs, reason: Reason = "", as_json: JsonFlag = False) -> None:
    """Reject rules: they stay in the file and are not trained. The file is replaced as a whole."""
    _decide(file, rules, Status.REJECTED, reason, as_json)


def record(rule: Rule) -> dict[str, Any]:
    """A rule as it is listed in JSON; rates are fractions, null where there is no evidence."""
    evidence = rule.evidence
    return {
        "id": rule.id,
        "name": rule.name,
        "text": rule.text,
        "confidence": evidence.confidence if evidence else None,
        "rate": evidence.rate if evidence else None,
        "interval": evidence.interval if evidence else None,
        "support": evidence.support if evidence else None,
        "status": rule.status.value,
        "kind": rule.kind.value,
        "confirmed": evidence.confirmed if evidence else None,
        "tolerance": evidence.tolerance if evidence else None,
        "entailed_by": list(rule.entailed_by),
    }


def _decide(file: Path, refs: Sequence[str], status: Status, reason: str, as_json: bool) -> None:
    graph = KnowledgeGraph.load(file)
    changed = [graph.rule(ref) for ref in refs]  # all are found before any is changed
    for rule in changed:
        graph = graph.accept(rule.id, reason) if status is Status.ACCEPTED else graph.reject(rule.id, reason)
    graph.save(file)
    for rule in changed:
        if rule.status not in (Status.SUGGESTED, status):
            log(f"note: {rule.name}: it was {rule.status.value} before")
    if status is Status.ACCEPTED:
        for rule in changed:
            if doubt := _against(rule):
                log(f"note: {rule.name}: {doubt}")
    after = [graph.rule(rule.id) for rule in changed]
    said = {rule.id: rule.text if called(rule) == rule.text else f"{rule.name}  {rule.text}" for rule in after}
    text = "\n".join(f"{rule.status.value}  {said[rule.id]}" for rule in after)
    answer({"file": file, "rules": [record(rule) for rule in after]}, text, as_json=as_json)


def _against(rule: Rule) -> str:
    """What the evidence of a rule that a person accepts says against it; empty where it says nothing."""
    evidence = rule.evidence
    if evidence is None:
        return ""
    if evidence.data is not None and (evidence.data.rate or 0.0) > evidence.tolerance:
        return (
            f"the labels break it in {evidence.data.violations:,} of {evidence.data.support:,} live groundings; "
            "a student that is trained on it learns against them"
        )
    return "" if evidence.confirmed else f"{evidence.tested}: {evidence.teacher}"


def _details(graph: KnowledgeGraph, rule: Rule) -> str:
    evidence, provenance = rule.evidence, rule.provenance
    origins = (provenance, graph.provenance)
    facts = any(one.source == "mined" for one in origins) and not any(one.teacher for one in origins)
    lines = [
        ("id", rule.id),
        ("name", rule.name),
        ("text", rule.text),
        ("in words", in_words(rule)),
        ("status", rule.status.value),
        ("kind", "of given facts" if facts and rule.kind is Kind.UNKNOWN else rule.kind.value),
        ("follows from", "\n".join(graph.rule(ref).name if ref in graph else ref for ref in rule.entailed_by)),
        ("replaces", rule.replaces or ""),
    ]
    if evidence is not None:
        lines += [
            ("facts" if facts else "teacher", str(evidence.teacher)),
            ("undoubted", str(evidence.undoubted or "")),
            ("data", str(evidence.data or "")),
            ("discovery", str(evidence.discovery or "")),
            ("tested", f"{evidence.tested}; {evidence.examined:,} candidates of all families were examined"),
            *_definition(evidence.definition),
            ("kept by", "\n".join(map(_citation, evidence.examples))),
            ("broken by", "\n".join(map(_citation, evidence.counterexamples))),
            *_hunt(evidence.hunt),
            *_probes(evidence.probes),
        ]
    origin = f"{provenance.source}, family {provenance.family}" if provenance.family else provenance.source
    lines += [("origin", origin), ("time", provenance.time), ("by", provenance.who), ("reason", provenance.why)]
    return fields(lines)


def _definition(definition: Definition | None) -> list[tuple[str, str]]:
    """How well it tells what it defines; what (.., ..) leaves open, what [.., ..] estimates; the best of each size."""
    if definition is None:
        return []
    measured = (("the teacher's answers", definition.fidelity), ("the labels", definition.truth))
    front = [
        f"{percent(one.fidelity)} with {how_many(one.literals, 'literal')}: {one.text}" for one in definition.front
    ]
    return [
        ("macro-F1", " and ".join(f"{percent(value)} of {whose}" for whose, value in measured if value is not None)),
        ("thresholds", "\n".join(f"{one.literal}: {one}" for one in definition.thresholds)),
        ("best by size", "\n".join(front)),
        ("chosen", definition.why),
        ("asked", how_many(definition.queries, "made row") if definition.queries else ""),
    ]


def _hunt(hunt: Hunt | None) -> list[tuple[str, str]]:
    if hunt is None:
        return []
    ways = ", ".join(
        f"{way} {tried.broken:,} of {tried.asked:,}"
        for way, tried in (("random", hunt.random), ("gradient", hunt.gradient))
    )
    worst = "it could never be asked" if hunt.worst is None else f"worst margin of breaking {hunt.worst:+.2f} log-odds"
    told = [f"made scenes that break it: {ways}; {worst}", f"changed: {hunt.space}", *filter(None, [hunt.note])]
    for one in hunt.found:
        said = ", ".join(f"{atom} {margin:+.2f}" for atom, margin in one.margins)
        far = f"made from {_citation(one.cited)}, {one.by}, moved {one.moved:.2f} m"
        told.append(f"{one.verdict.value}: {one.reason}\n  {far}: {said}")
    return [("hunted", "\n".join(told))]


def _probes(probes: Probes | None) -> list[tuple[str, str]]:
    if probes is None:
        return []
    kinds = [
        f"{one.kind}: {one.ledger.violations:,} of {one.ledger.support:,} live groundings, "
        f"in {one.ledger.units:,} of {one.asked:,} made scenes"
        for one in probes.kinds
    ]
    total = f"made scenes: {probes.total}" if probes.live else "made scenes: nothing came to life"
    return [("probed", "\n".join([total, *kinds, f"changed: {probes.space}", *filter(None, [probes.note])]))]


def _citation(citation: Citation) -> str:
    bound = ", ".join(f"{variable} = {number}" for variable, number in citation.binding)
    return f"{citation.scene}: {bound}" if bound else citation.scene  # a rule about the scene as a whole binds nothing
