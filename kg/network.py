"""A knowledge graph as one networkx.MultiDiGraph, whose attributes are plain data, and back.

Nodes carry ``type``: predicate, concept (a predicate of one object), rule, transform, world. Edges carry ``type`` and
the ``rule`` that they come from. All of them follow from the rules; ``check_structure`` compares what a file holds.

body, head          predicate -> rule, rule -> predicate
inverse_of, implies, excludes   predicate -> predicate, ``converse`` where the second has its objects exchanged
maps_to             predicate -> predicate, under the ``transform``; and ``under``: rule -> transform
holds_between       concept -> concept, by the ``relation``: ``monitor(a) & desk(b) -> on(a, b)`` and the like
entailed_by         rule -> rule
cites               rule -> world

Nodes of type category are words of a categorical attribute; an edge of type ``triple`` between two of them says how
often things of the one stand in the ``relation`` to things of the other (``kg.triples``). These follow from no rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from kg.errors import FileFormatError
from kg.formulas import And, Atom, Formula, Iff, Implies, Not, Under, predicates, walk
from kg.naming import CONVERSE, law_of
from kg.normal import canonical
from kg.predicates import Predicate, Vocabulary
from kg.records import plain, restore
from kg.rules import Provenance, Rule
from kg.triples import Triple
from kg.worlds import World

if TYPE_CHECKING:
    import networkx as nx

Attributes: TypeAlias = dict[str, Any]


class Edge(NamedTuple):
    """One edge: from node to node, of a type, from a rule, with further attributes."""

    source: str
    target: str
    type: str
    rule: str
    more: tuple[tuple[str, Any], ...] = ()

    @property
    def key(self) -> str:
        """Tells apart the edges between two nodes."""
        return ":".join([self.type, self.rule, *(str(value) for _, value in self.more)])


class Content(NamedTuple):
    """What a graph is made of."""

    vocabulary: Vocabulary
    rules: tuple[Rule, ...]
    worlds: Mapping[str, World]
    provenance: Provenance
    notes: tuple[str, ...]
    triples: tuple[Triple, ...] = ()


def to_networkx(content: Content) -> nx.MultiDiGraph:
    """A new networkx graph with everything in it, node after node in a fixed order."""
    import networkx as nx  # takes longer to import than all of kg, and most sessions never ask for it

    words, graph = content.vocabulary, nx.MultiDiGraph()
    graph.graph.update(
        frame=words.frame,
        tolerance=words.tolerance,
        provenance=plain(content.provenance),
        notes=list(content.notes),
    )
    for word in words.values():
        graph.add_node(_word(words, word.name), **_plain_predicate(word))
    for rule in content.rules:
        graph.add_node(f"rule:{rule.id}", **_plain_rule(rule))
    for transform in _transforms(content.rules):
        graph.add_node(f"transform:{transform}", type="transform", name=transform)
    for name, world in content.worlds.items():
        graph.add_node(f"world:{name}", type="world", name=name, world=plain(world))
    for edge in edges(content):
        graph.add_edge(edge.source, edge.target, key=edge.key, type=edge.type, rule=edge.rule, **dict(edge.more))
    for triple in content.triples:
        data = plain(triple)
        assert isinstance(data, dict)
        ends = [f"category:{data.pop(end)}" for end in ("subject", "object")]
        for end in ends:
            graph.add_node(end, type="category", name=end.removeprefix("category:"))
        graph.add_edge(*ends, key=f"triple:{triple.relation}", type="triple", **data)
    return graph


def from_networkx(graph: nx.MultiDiGraph) -> Content:
    """What the nodes of such a graph say. Raises FileFormatError where they are not as ``to_networkx`` makes them."""
    predicates: dict[str, Predicate] = {}
    rules, worlds = [], {}
    for node, data in graph.nodes(data=True):
        match data.get("type"):
            case "predicate" | "concept":
                word = restore(Predicate, _without(data, "type"), f"node {node!r}")
                predicates[word.name] = word
            case "rule":
                rules.append(_restore_rule(str(node), data))
            case "world":
                worlds[str(data.get("name"))] = restore(World, data.get("world"), f"node {node!r}")
            case "transform" | "category":
                pass  # named by rules, and by triples
            case other:
                raise FileFormatError(f"node {node!r} has the type {other!r}")
    about = graph.graph
    return Content(
        Vocabulary(
            predicates,
            frame=restore(str, about.get("frame"), "frame"),
            tolerance=restore(float, about.get("tolerance"), "tolerance"),
        ),
        tuple(rules),
        worlds,
        restore(Provenance, about.get("provenance"), "provenance"),
        _notes(about.get("notes")),
        tuple(_restore_triple(*edge) for edge in graph.edges(data=True) if edge[2].get("type") == "triple"),
    )


def _restore_triple(source: str, target: str, data: Mapping[str, Any]) -> Triple:
    ends = {"subject": str(source).removeprefix("category:"), "object": str(target).removeprefix("category:")}
    return restore(Triple, {**_without(data, "type", "key"), **ends}, f"the triple from {source!r} to {target!r}")


def _notes(data: Any) -> tuple[str, ...]:
    if not isinstance(data, list) or not all(isinstance(note, str) for note in data):
        raise FileFormatError(f"the notes are {data!r:.80} where a list of texts belongs")
    return tuple(data)


def check_structure(given: nx.MultiDiGraph, expected: nx.MultiDiGraph) -> None:
    """Raise FileFormatError unless both have the same nodes and edges."""
    for kind, here, there in (
        ("node", set(given.nodes), set(expected.nodes)),
        ("edge", set(given.edges(keys=True)), set(expected.edges(keys=True))),
    ):
        for item in sorted(map(str, here ^ there))[:1]:
            missing = item not in map(str, here)
            raise FileFormatError(
                f"the {kind} {item} {'is missing' if missing else 'does not follow from the rules'}",
                hint="Nodes of transforms and all edges follow from the rules: change the rules instead.",
            )


def _without(data: Mapping[str, Any], *names: str) -> Attributes:
    return {key: value for key, value in data.items() if key not in names}


# --------------------------------------------------------------------------------------- nodes


def _word(words: Vocabulary, name: str) -> str:
    return f"{'concept' if words[name].arity == 1 else 'predicate'}:{name}"


def _plain_predicate(word: Predicate) -> Attributes:
    data = plain(word)
    assert isinstance(data, dict)
    return {"type": "concept" if word.arity == 1 else "predicate", **data}


def _plain_rule(rule: Rule) -> Attributes:
    data = plain(rule)
    assert isinstance(data, dict)
    text = data.pop("formula")
    return {"type": "rule", "name": rule.name, "text": text, **data}


def _restore_rule(node: str, data: Mapping[str, Any]) -> Rule:
    where = f"node {node!r}"
    fields = _without(data, "type", "name", "text")
    rule = restore(Rule, {"formula": data.get("text"), **fields}, where)
    if node != f"rule:{rule.id}":
        raise FileFormatError(
            f"{where} holds the rule '{rule.text:.80}', whose id is {rule.id}",
            hint="The text was changed by hand: edit rules with the program, which keeps their history.",
        )
    return rule


def _transforms(rules: Iterable[Rule]) -> list[str]:
    found = (str(part.transform) for rule in rules for part in walk(rule.formula) if isinstance(part, Under))
    return list(dict.fromkeys(found))


# --------------------------------------------------------------------------------------- edges


def edges(content: Content) -> Iterator[Edge]:
    """All edges, each once, rule after rule."""
    for rule in content.rules:
        yield from dict.fromkeys(_rule_edges(rule, content))


def _rule_edges(rule: Rule, content: Content) -> Iterator[Edge]:
    words, node = content.vocabulary, f"rule:{rule.id}"
    body, head = _sides(rule.formula)
    for name in body:
        yield Edge(_word(words, name), node, "body", rule.id)
    for name in head:
        yield Edge(node, _word(words, name), "head", rule.id)
    yield from _law_edges(rule, words)
    yield from _concept_edges(rule, words)
    for transform in _transforms([rule]):
        yield Edge(node, f"transform:{transform}", "under", rule.id)
    for axiom in rule.entailed_by:
        yield Edge(node, f"rule:{axiom}", "entailed_by", rule.id)
    if rule.evidence is not None:
        for citation in rule.evidence.citations:
            if citation.world is not None:
                yield Edge(node, f"world:{citation.world}", "cites", rule.id)


def _sides(formula: Formula) -> tuple[list[str], list[str]]:
    """Predicates of the body and of the head; of a definition ``p <-> f``, p is the head."""
    match formula:
        case Implies(body, head) | Under(_, Implies(body, head) | Iff(body, head)) | Iff(head, body):
            return _predicates(body), _predicates(head)
        case Not(part):
            return _predicates(part), []
        case _:
            return [], _predicates(formula)


def _predicates(formula: Formula) -> list[str]:
    return list(dict.fromkeys(predicates(formula)))


def _law_edges(rule: Rule, words: Vocabulary) -> Iterator[Edge]:
    law = law_of(rule.formula)
    if law is None:
        return
    first, last = (_word(words, name.removesuffix(CONVERSE)) for name in (law.about[0], law.about[-1].split(" | ")[0]))
    converse = ("converse", law.about[-1].endswith(CONVERSE))
    match law.kind:
        case "inverse":
            yield Edge(first, last, "inverse_of", rule.id)
            yield Edge(last, first, "inverse_of", rule.id)
        case "implies" | "excludes":
            yield Edge(first, last, law.kind, rule.id, (converse,))
        case "equivalent":
            yield Edge(first, last, "implies", rule.id, (converse,))
            yield Edge(last, first, "implies", rule.id, (converse,))
        case "invariant" | "under":
            yield Edge(first, last, "maps_to", rule.id, (("transform", law.transform), converse))


def _concept_edges(rule: Rule, words: Vocabulary) -> Iterator[Edge]:
    """A rule that joins two concepts of two objects by one relation says that the relation holds between them."""
    if not isinstance(rule.formula, Implies):
        return
    formula = canonical(rule.formula)
    atoms = [part for part in walk(formula) if isinstance(part, Atom)]
    relations = [atom for atom in atoms if len(set(atom.arguments)) == 2 == len(atom.arguments)]
    concepts = {atom.arguments[0]: atom for atom in atoms if len(atom.arguments) == 1}
    if len(atoms) != 3 or len(relations) != 1 or len(concepts) != 2 or _has_negated_body(rule.formula):
        return
    (relation,) = relations
    if set(relation.arguments) != set(concepts):
        return
    source, target = (_word(words, concepts[name].predicate) for name in relation.arguments)
    yield Edge(source, target, "holds_between", rule.id, (("relation", relation.predicate),))


def _has_negated_body(rule: Implies) -> bool:
    body = rule.body.parts if isinstance(rule.body, And) else (rule.body,)
    return not all(isinstance(part, Atom) for part in (*body, rule.head))
