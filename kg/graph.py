"""The knowledge graph: rules, the words that they speak, and the worlds of the examples that they cite."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from kg import network
from kg.errors import ArityError, FileFormatError, ParseError, RulekdError, UnknownNameError, nearest, unknown
from kg.files import write_atomically
from kg.formulas import Atom, Formula, walk
from kg.listing import rule_table
from kg.naming import rule_id
from kg.network import Content
from kg.predicates import Predicate, Vocabulary
from kg.reasoning import minimal_cover
from kg.references import check_readable, is_formula
from kg.rules import Provenance, Rule, Status
from kg.tables import how_many, printable
from kg.text import parse
from kg.triples import Triple
from kg.worlds import World

if TYPE_CHECKING:
    import networkx as nx

FORMAT: Final = "rulekd knowledge graph"
VERSION: Final = 1

#: Triples that a printed graph shows.
SHOWN_TRIPLES: Final = 20

#: Characters of an id from which on its beginning may stand for it.
SHORTEST_ID: Final = 4

#: A rule as people name it: by id, by name, by text; or the rule or formula itself.
Reference: TypeAlias = str | Rule | Formula


class KnowledgeGraph:
    """Rules with all that belongs to them. It never changes: each change returns a new graph.

    vocabulary: the predicates that the rules may speak. rules: in the order to show them, no two of them the same.
    worlds: the facts of cited scenes, by the name that citations use. provenance: of the graph as a whole.
    notes: what a reader should know, such as what was looked for and not found. triples: how often things of one
    category stand in a relation to things of another.

    Raises RulekdError on rules that are the same or share a name, on predicates that the vocabulary lacks, and on
    rules or worlds that are referred to and missing.

    >>> graph = KnowledgeGraph.of(["left_of(a, b) <-> right_of(b, a)", "left_of(a, b) -> ~left_of(b, a)"])
    >>> [rule.name for rule in graph.rules()]
    ['inverse(left_of, right_of)', 'asymmetric(left_of)']
    >>> "asymmetric(left_of)" in graph, "left_of(x, y) -> ~left_of(y, x)" in graph, "near(a, b)" in graph
    (True, True, False)
    >>> len(graph.reject("asymmetric(left_of)", reason="not on a round table").rules(Status.REJECTED))
    1
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        rules: Iterable[Rule] = (),
        worlds: Mapping[str, World] | None = None,
        provenance: Provenance = Provenance(),  # noqa: B008 - frozen, so one default can be shared
        notes: Sequence[str] = (),
        triples: Iterable[Triple] = (),
    ) -> None:
        self._vocabulary = vocabulary
        self._rules: dict[str, Rule] = {}
        self._names: dict[str, Rule] = {}
        self._worlds = MappingProxyType(dict(worlds or {}))
        self._provenance = provenance
        self._notes = (notes,) if isinstance(notes, str) else tuple(notes)
        named = {triple.key: triple for triple in triples}
        self._triples = tuple(sorted(named.values(), key=lambda triple: (-triple.interval[0], triple.key)))
        for rule in rules:
            self._insert(rule)
        for rule in self._rules.values():
            self._check_references(rule)

    @classmethod
    def of(cls, texts: Iterable[str | Formula | Rule], vocabulary: Vocabulary | None = None) -> KnowledgeGraph:
        """A graph of rules that a person wrote, accepted as they stand.

        Without a vocabulary, arities are those of the rules; a predicate that is used on one object twice, as in
        ``~above(a, a)``, has a meaning there.
        """
        rules = [_rule(text, vocabulary) for text in texts]
        return cls(vocabulary if vocabulary is not None else vocabulary_of(rules), rules)

    def _insert(self, rule: Rule) -> None:
        if rule.id in self._rules:
            raise RulekdError(
                f"'{rule.text:.120}' and '{self._rules[rule.id].text:.120}' are the same rule", hint="Keep one of them."
            )
        if rule.name in self._names:
            raise RulekdError(
                f"two rules are called {rule.name}: '{rule.text:.120}' and '{self._names[rule.name].text:.120}'",
                hint="They say the same in two ways: keep one of them.",
            )
        check_predicates(rule, self._vocabulary)
        self._rules[rule.id] = self._names[rule.name] = rule

    def _check_references(self, rule: Rule) -> None:
        for axiom in rule.entailed_by:
            if axiom not in self._rules or axiom == rule.id:
                raise RulekdError(
                    f"rule '{rule.name}' is entailed by {axiom!r}, which is no other rule of this graph",
                    hint="Call with_entailment() once all rules are in.",
                )
        if rule.evidence is not None:
            for citation in rule.evidence.citations:
                if citation.world is not None and citation.world not in self._worlds:
                    raise unknown("world", citation.world, self._worlds, where=f"rule '{rule.name}' cites an ")

    # ------------------------------------------------------------------------------------ reading

    @property
    def vocabulary(self) -> Vocabulary:
        """The predicates that the rules may speak."""
        return self._vocabulary

    @property
    def worlds(self) -> Mapping[str, World]:
        """The facts of cited scenes."""
        return self._worlds

    @property
    def provenance(self) -> Provenance:
        """Where the graph as a whole comes from."""
        return self._provenance

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""
        return self._notes

    @property
    def triples(self) -> tuple[Triple, ...]:
        """Concept triples, surest first; the last one said of a subject, a relation and an object counts."""
        return self._triples

    def rules(self, status: Status | None = None) -> tuple[Rule, ...]:
        """Every rule, entailed ones included; of one status, if given."""
        return tuple(rule for rule in self._rules.values() if status is None or rule.status is status)

    def axioms(self) -> tuple[Rule, ...]:
        """The rules to build on: neither rejected nor marked as following from others."""
        return tuple(rule for rule in self.rules() if rule.status is not Status.REJECTED and not rule.entailed)

    def rule(self, ref: Reference) -> Rule:
        """The rule of that id, name or text, or of the only id that begins so (four characters or more).

        Raises UnknownNameError with the nearest one; ParseError where a text with signs of logic cannot be read.
        """
        found = self._find(ref)
        if found is not None:
            return found
        begun = self._begun(ref)
        if len(begun) == 1:
            return begun[0]
        if begun:
            raise UnknownNameError(
                f"{len(begun)} rules have an id that begins with {ref!r}",
                hint=f"Give more of it: {', '.join(f'{rule.id} is {rule.name}' for rule in begun[:5])}.",
            )
        text = ref if isinstance(ref, str) else ref.text if isinstance(ref, Rule) else str(ref)
        if is_formula(text, self._vocabulary):
            check_readable(text)  # what is wrong with it is of more use than another rule
        known = {**{rule.text: rule for rule in self.rules()}, **self._names}
        close = nearest(text[:500], known)
        raise UnknownNameError(
            f"unknown rule {text[:200]!r}; the graph has {how_many(len(self), 'rule')}",
            hint=f"Did you mean {close!r} ({known[close].id})?"
            if close
            else f"`rulekd kg list` lists them; of an id, the first {SHORTEST_ID} characters are enough.",
        )

    def _find(self, ref: Reference) -> Rule | None:
        if isinstance(ref, Rule):
            return self._rules.get(ref.id)
        if isinstance(ref, Formula):
            return self._rules.get(rule_id(ref))
        found = self._rules.get(ref) or self._names.get(ref)
        if found is None:
            try:
                found = self._rules.get(rule_id(parse(ref)))
            except ParseError:
                return None
        return found

    def _begun(self, ref: Reference) -> list[Rule]:
        """The rules whose id begins so, where it is long enough to mean one."""
        if not isinstance(ref, str) or len(ref) < SHORTEST_ID:
            return []
        return [rule for rule in self.rules() if rule.id.startswith(ref)]

    def __contains__(self, ref: object) -> bool:
        return isinstance(ref, str | Rule | Formula) and self._find(ref) is not None

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules())

    def _content(self) -> Content:
        return Content(self._vocabulary, self.rules(), dict(self._worlds), self._provenance, self._notes, self._triples)

    def __eq__(self, other: object) -> bool:
        return self._content() == other._content() if isinstance(other, KnowledgeGraph) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # worlds are mappings, which cannot be hashed

    def __repr__(self) -> str:
        return f"KnowledgeGraph({how_many(len(self), 'rule')}, {how_many(len(self._vocabulary), 'predicate')})"

    def __str__(self) -> str:
        shown = [rule for rule in self.rules() if not rule.entailed]
        lines = rule_table(shown)
        hidden = len(self) - len(shown)
        if hidden:
            lines.append(f"and {hidden} that follow from these")
        lines += [printable(str(triple)) for triple in self._triples[:SHOWN_TRIPLES]]
        if len(self._triples) > SHOWN_TRIPLES:
            lines.append(f"and {len(self._triples) - SHOWN_TRIPLES} more triples")
        return "\n".join([*lines, *(f"note: {printable(note)}" for note in self._notes)])

    # ----------------------------------------------------------------------------------- changing

    def with_rules(
        self, rules: Iterable[Rule], worlds: Mapping[str, World] | None = None, notes: Sequence[str] = ()
    ) -> KnowledgeGraph:
        """These rules in place of the graph's own, and further worlds and notes; all else stays.

        A rule that was entailed by one that is gone or rejected counts as an axiom again until ``with_entailment`` is
        called.
        """
        kept = list(rules)
        standing = {rule.id for rule in kept if rule.status is not Status.REJECTED}
        kept = [rule if standing.issuperset(rule.entailed_by) else replace(rule, entailed_by=()) for rule in kept]
        known, told = {**self._worlds, **(worlds or {})}, (*self._notes, *notes)
        return KnowledgeGraph(self._vocabulary, kept, known, self._provenance, told, self._triples)

    def accept(self, ref: Reference, reason: str = "") -> KnowledgeGraph:
        """A graph in which this rule is accepted; the reason goes into its provenance."""
        return self._mark(ref, Status.ACCEPTED, reason)

    def reject(self, ref: Reference, reason: str = "") -> KnowledgeGraph:
        """A graph in which this rule is rejected: it stays, so that it is not suggested again, and is not built on."""
        return self._mark(ref, Status.REJECTED, reason)

    def _mark(self, ref: Reference, status: Status, reason: str) -> KnowledgeGraph:
        chosen = self.rule(ref)
        return self.with_rules(rule.with_status(status, reason) if rule is chosen else rule for rule in self.rules())

    def add(self, rule: str | Formula | Rule) -> KnowledgeGraph:
        """A graph with one rule more; a text is taken as accepted."""
        return self.with_rules([*self.rules(), _rule(rule, self._vocabulary)])

    def edit(self, ref: Reference, text: str | Formula, reason: str = "") -> KnowledgeGraph:
        """A graph in which this rule reads differently: accepted, without the old evidence, and in the old place.

        The new rule records the id of the old one. A text that only spells the same rule differently keeps all.
        """
        old = self.rule(ref)
        formula = parse(text, self._vocabulary) if isinstance(text, str) else text
        provenance = replace(old.provenance, source="edited", why=reason)
        if rule_id(formula) == old.id:
            new = replace(old, formula=formula, provenance=provenance)
        else:
            new = Rule(formula, provenance=provenance, status=Status.ACCEPTED, kind=old.kind, replaces=old.id)
            if new.id in self._rules:
                raise RulekdError(
                    f"'{new.text:.120}' is a rule of this graph already: {old.id} cannot be made the same as {new.id}",
                    hint=f"Reject {old.id} instead, and accept {new.id}.",
                )
        return self.with_rules(new if rule is old else rule for rule in self.rules())

    def with_entailment(self) -> KnowledgeGraph:
        """A graph in which each rule that follows from others names them, and the rest is a small set of axioms.

        Rejected rules neither entail nor are entailed. Accepted rules stay axioms before suggested ones. What was
        tested and not confirmed hides nothing that was.
        """
        standing = [rule for rule in self.rules() if rule.status is not Status.REJECTED]
        grounds = self._cover([rule for rule in standing if _sound(rule)], 0)
        if not all(map(_sound, standing)):
            solid = [rule for rule in standing if _sound(rule) and rule.id not in grounds]
            others = [rule for rule in standing if not _sound(rule)]
            grounds |= self._cover([*solid, *others], len(solid))
        return self.with_rules(replace(rule, entailed_by=grounds.get(rule.id, ())) for rule in self.rules())

    def _cover(self, rules: Sequence[Rule], fixed: int) -> dict[str, tuple[str, ...]]:
        """For each rule that follows from others the ids of these; the first ``fixed`` are not looked at."""
        cover = minimal_cover([(rule.formula, _weight(rule)) for rule in rules], self._vocabulary, range(fixed))
        return {rules[place].id: tuple(rules[axiom].id for axiom in why) for place, why in cover.items()}

    def with_notes(self, *notes: str) -> KnowledgeGraph:
        """A graph with further notes."""
        notes = (*self._notes, *notes)
        return KnowledgeGraph(self._vocabulary, self.rules(), self._worlds, self._provenance, notes, self._triples)

    # -------------------------------------------------------------------------------------- files

    def to_networkx(self) -> nx.MultiDiGraph:
        """A new networkx graph of all this; ``kg.network`` describes its nodes and edges."""
        return network.to_networkx(self._content())

    @classmethod
    def from_networkx(cls, graph: nx.MultiDiGraph) -> KnowledgeGraph:
        """The knowledge graph that ``to_networkx`` wrote. Raises FileFormatError on anything else."""
        try:
            made = cls(*network.from_networkx(graph))
            network.check_structure(graph, made.to_networkx())
        except FileFormatError:
            raise
        except RulekdError as error:
            raise FileFormatError(error.message, hint=error.hint) from None
        return made

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph as node-link JSON, one line an entry. The file is replaced as a whole or not at all."""
        import networkx as nx  # as in kg.network

        data = nx.node_link_data(self.to_networkx(), edges="edges")
        document = {"format": FORMAT, "version": VERSION, **data}
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        if any("\ud800" <= sign <= "\udfff" for sign in text):  # half characters, which UTF-8 cannot write
            text = json.dumps(document, indent=1, allow_nan=False)
        write_atomically(path, text + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> KnowledgeGraph:
        """Read a graph that ``save`` wrote. Raises FileFormatError, naming the path, on any other file."""
        try:
            return cls.from_networkx(_networkx(_document(path)))
        except FileFormatError as error:
            raise FileFormatError(f"{os.fspath(path)}: {error.message}", hint=error.hint) from None


def _document(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FileFormatError("is not a text file", hint="Give a file that rulekd saved.") from None
    except OSError as error:
        raise FileFormatError(f"cannot be read: {error.strerror}", hint="Check the path.") from None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and error.lineno == 2:  # one JSON object a line
            raise FileFormatError(
                "is not a knowledge graph, but may be scenes", hint="Give a file that rulekd saved, as FILE.kg.json."
            ) from None
        ended = error.pos >= len(text.rstrip())
        raise FileFormatError(
            f"{'ends in the middle' if ended else 'is not JSON'} at line {error.lineno}, column {error.colno}",
            hint="The file is truncated: restore it from a copy." if ended else "Restore it from a copy.",
        ) from None
    except RecursionError:
        raise FileFormatError("is nested too deep to be a knowledge graph") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileFormatError("is not a knowledge graph", hint="Give a file that rulekd saved.")
    version = document.get("version")
    if version != VERSION:
        newer = isinstance(version, int) and version > VERSION
        raise FileFormatError(
            f"has version {version!r}, and this program knows version {VERSION}",
            hint="It was written by a newer rulekd: install that." if newer else "Restore it from a copy.",
        )
    return document


def _networkx(document: dict[str, Any]) -> nx.MultiDiGraph:
    import networkx as nx  # as in kg.network

    if document.get("directed") is not True or document.get("multigraph") is not True:
        raise FileFormatError("is not a directed multigraph", hint="Restore it from a copy.")
    try:
        return nx.node_link_graph(document, edges="edges")
    except (KeyError, TypeError, ValueError, AttributeError, nx.NetworkXError) as error:
        raise FileFormatError(
            f"has nodes or edges that cannot be read ({type(error).__name__}: {error})", hint="Restore it from a copy."
        ) from None


def _rule(given: str | Formula | Rule, vocabulary: Vocabulary | None) -> Rule:
    if isinstance(given, Rule):
        return given
    formula = given if isinstance(given, Formula) else parse(given, vocabulary)
    return Rule(formula, status=Status.ACCEPTED)


def check_predicates(rule: Rule, vocabulary: Vocabulary) -> None:
    """Raise unless the vocabulary knows every predicate of the rule, with its arity."""
    for part in walk(rule.formula):
        if isinstance(part, Atom):
            predicate = vocabulary.find(part.predicate, where=f"rule '{rule.name}': ")
            if predicate.arity != len(part.arguments):
                raise ArityError(
                    f"rule '{rule.name}': predicate {part.predicate!r} takes {predicate.arity} arguments "
                    f"and is given {len(part.arguments)}",
                    hint=f"Correct '{part}'.",
                )


def vocabulary_of(rules: Iterable[Rule]) -> Vocabulary:
    """The smallest vocabulary that the rules could be written in; an error where they disagree about an arity."""
    found: dict[str, Predicate] = {}
    for rule in rules:
        for part in walk(rule.formula):
            if not isinstance(part, Atom):
                continue
            known = found.get(part.predicate)
            if known is not None and known.arity != len(part.arguments):
                raise ArityError(
                    f"predicate {part.predicate!r} has {len(part.arguments)} arguments in '{rule.text:.120}' "
                    f"and {known.arity} elsewhere",
                    hint="Use one number of arguments throughout, or two names.",
                )
            repeats = len(set(part.arguments)) < len(part.arguments)
            if known is None or (repeats and not known.diagonal):
                found[part.predicate] = Predicate(part.predicate, len(part.arguments), diagonal=repeats)
    return Vocabulary(found)


def _weight(rule: Rule) -> float:
    """Accepted before suggested, then by confidence, then by support."""
    evidence = rule.evidence
    confidence = 1.0 if evidence is None else evidence.confidence or 0.0
    support = 0 if evidence is None else evidence.support
    return 2 * (rule.status is Status.ACCEPTED) + confidence + 1e-9 * support / (1 + support)


def _sound(rule: Rule) -> bool:
    """Written or accepted by a person, or confirmed."""
    return rule.evidence is None or rule.evidence.confirmed or rule.status is Status.ACCEPTED
