"""Rules whose exceptions stand when the other laws are heard: what twins and near-laws cannot tell from a law.

A few wrong facts break true laws about as often as right ones break a rule that is nearly true. The difference is what
the other laws say about the facts at hand. V is the number of their broken groundings in a scene. Each is a product of
facts x and of 1 - x, all different, so that V is linear in every fact, and flipping fact f changes it by

    D_f = (1 - 2 x_f) dV / dx_f,

which one backward pass gives for all of them. A fact with D_f < -1 is *outvoted*: more than one grounding fewer were
broken without it. Broken groundings of a true law contain a wrong fact, which the others outvote for the most part;
those of a rule that is nearly true stand. Two uses are made of this: what passed for a law is put on trial, and what
follows from the rule on trial has no vote then, for it repeats the rule (``outvoted``); and a law that few scenes speak
of is judged again without the facts that the laws found so far outvote (``borne_out``).

To flip the fewest facts until no law is broken would be a repair (Arenas, Bertossi and Chomicki, "Consistent query
answers in inconsistent databases", PODS 1999); the first step towards it is enough here.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase
from typing import TypeAlias

import torch
from scipy.stats import poisson
from torch import Tensor

from kg import Atom, Formula, KnowledgeGraph, Rule, Vocabulary
from kg.formulas import predicates
from kg.grounding import statement
from kg.reasoning import minimal_cover
from rulekd.extraction.counting.candidates import blocks
from rulekd.extraction.counting.source import Source
from rulekd.extraction.evidence.refutation import EXCEPTIONS, USUAL, one_bodied
from rulekd.extraction.evidence.tally import Tally, tallies_of
from rulekd.facts import Facts
from rulekd.grounding import View
from rulekd.scenes.parts import shares

#: How many broken groundings fewer there must be without a fact that is outvoted: more than this.
MARGIN = 1

#: Pairs of objects that a trial looks at; numbers that it holds, one a fact and rule.
PAIRS, HELD = 2**18, 2**26

#: Variables of the largest rule that votes.
MOST_VARIABLES = 3

#: Where more than this share of the exceptions of laws stands, votes and doubts explain too little to judge by.
STANDING = 0.1

#: Exceptions that must stand, the independent units that they must come from, and the probability that so many units
#: have some in a law with EXCEPTIONS.
FEWEST, UNITS, CHANCE = 4, 2, 0.1

#: (asserted, atom) each: a grounding is broken where no atom is as asserted.
Clause: TypeAlias = tuple[tuple[bool, Atom], ...]


@dataclass(frozen=True)
class Outvoted:
    """A confirmed rule that the others do not bear out: so many of its groundings are broken by facts that stand."""

    rule: Rule
    live: int
    broken: int

    def __str__(self) -> str:
        return f"'{self.rule.formula}' ({self.broken:,} of {self.live:,} groundings)"


def outvoted(rules: Sequence[Rule], source: Source, exempt: Collection[Formula] = ()) -> list[Outvoted]:
    """Confirmed rules whose exceptions stand more often than those of laws do.

    An exception stands when it contains no fact that is doubted or outvoted. With s the share that does, of the
    exceptions of all axioms together, or the share that would if one of its atoms were wrong (``_silence``), where
    that is more, a rule is dropped when more than USUAL s of its own stand, and in more units than if EXCEPTIONS of its
    groundings without such facts were broken: as the exceptions of a unit come together, c at a time, units with some
    are counted against a Poisson variable of mean EXCEPTIONS live / c. Where s is over STANDING for all together, as
    with errors that a network makes alike everywhere, nothing is dropped.

    Axioms are tried together, by turns: what is dropped has no vote in the next, and what followed from it is an axiom
    there. A law of one body atom is not tried: it is judged on the facts as they are. exempt: rules that vote and are
    not tried.
    """
    trial = Trial.of([rule for rule in rules if rule.evidence is not None and rule.evidence.confirmed], source)
    standing, dropped = trial.voters, list[Outvoted]()
    while True:
        graph = KnowledgeGraph(
            source.view.facts.vocabulary, [replace(rule, entailed_by=()) for rule in standing]
        ).with_entailment()
        tried = [rule for rule in graph.axioms() if not one_bodied(rule.formula)]
        told = tallies_of([rule.formula for rule in tried], View(trial.facts))
        left = list(trial.without_outvoted(tried, graph.rules()))
        share = sum(one.broken.sum() for one, _ in left) / max(1, sum(one.broken.sum() for one in told))
        found = [
            Outvoted(rule, int(after.live.sum()), int(after.broken.sum()))
            for rule, before, (after, silence) in zip(tried, told, left, strict=True)
            if after.broken.sum() > USUAL * max(share, silence) * before.broken.sum()
            and _stands(after)
            and rule.formula not in exempt
        ]
        if not found or share > STANDING:
            return dropped
        dropped += found
        gone = {one.rule.id for one in found}
        standing = [rule for rule in standing if rule.id not in gone]


def _stands(left: Tally) -> bool:
    """Are there more exceptions than a law has?"""
    broken, units = int(left.broken.sum()), int((left.broken > 0).sum())
    if broken < FEWEST or units < UNITS:
        return False
    return bool(poisson.sf(units - 1, EXCEPTIONS * left.live.sum() * units / broken) <= CHANCE)


@dataclass(frozen=True)
class Trial:
    """The scenes that are looked at. voters: rules that are clauses of few variables. pulls: by their id dV/dx of each,
    by predicate, of the shape of its values."""

    facts: Facts
    trusted: Facts
    voters: list[Rule]
    pulls: Mapping[str, Mapping[str, Tensor]]

    @classmethod
    def of(cls, rules: Sequence[Rule], source: Source) -> Trial:
        """As many scenes as can be held."""
        facts = source.view.facts
        said = {rule.id: clauses for rule in rules if (clauses := _clauses(rule.formula, facts.vocabulary))}
        voters = [rule for rule in rules if rule.id in said]
        entries = sum(len(set(predicates(rule.formula))) for rule in voters) * facts.objects.shape[1] ** 2
        some = _some(facts, max(1, HELD // max(1, entries)))
        here = facts.select(some)
        return cls(
            here, source.trusted.facts.select(some), voters, {rule.id: pull(said[rule.id], here) for rule in voters}
        )

    def without_outvoted(self, axioms: Sequence[Rule], rules: Sequence[Rule]) -> Iterator[tuple[Tally, float]]:
        """Axioms counted on facts that are neither doubted nor outvoted, by rules that do not follow from the axiom.

        Beside each count stands the share of its exceptions that would stand in any case.
        """
        total = _summed(self.pulls[rule.id] for rule in rules)
        for axiom in axioms:
            silent = _summed(self.pulls[rule.id] for rule in rules if axiom.id in (rule.id, *rule.entailed_by))
            pulled = {name: total[name] - silent[name] for name in set(predicates(axiom.formula))}
            (counted,) = tallies_of([axiom.formula], View(_standing(self.trusted, pulled)))
            yield counted, _silence(axiom.formula, self.trusted, pulled)


def _silence(formula: Formula, trusted: Facts, pulled: Mapping[str, Tensor]) -> float:
    """The share of the exceptions of a rule that would stand if each came of one wrong fact, anywhere.

    A body atom that is wrong should be false, a head that is should be true. Of the facts that are so, the share is
    taken that would not be outvoted if it were told otherwise, and of the shares the mean over the rule's atoms: near 1
    where the others hardly speak of its predicates. pulled: dV/dx of the others, by predicate.
    """
    found = []
    for asserted, atom in itertools.chain(*_clauses(formula, trusted.vocabulary)):
        crisp = trusted.crisp(atom.predicate)
        right = trusted.validity(atom.predicate) & trusted.groundings(len(atom.arguments)) & (crisp == asserted)
        stays = right & _stays(~crisp, pulled[atom.predicate])
        found.append(int(stays.sum()) / max(1, int(right.sum())))
    return sum(found) / len(found) if found else 1.0


def borne_out(formulas: Sequence[Formula], source: Source) -> View:
    """Facts that are neither doubted nor outvoted by these laws: what other rules may be judged on."""
    facts, trusted = source.view.facts, source.trusted.facts
    dropped = minimal_cover([(formula, 1.0) for formula in formulas], facts.vocabulary)
    axioms = [formula for place, formula in enumerate(formulas) if place not in dropped]
    clauses = [clause for formula in axioms for clause in _clauses(formula, facts.vocabulary)]
    if not clauses:
        return source.trusted
    valid = dict(trusted.valid)
    valid |= {atom.predicate: trusted.validity(atom.predicate).clone() for clause in clauses for _, atom in clause}
    width = sum(len(clause) for clause in clauses)
    for index in blocks(facts, width * facts.objects.shape[1] ** 2):
        for name, pulled in pull(clauses, facts.select(index)).items():
            valid[name][index] &= _stays(trusted.crisp(name)[index], pulled)
    return View(replace(trusted, valid=valid), source.trusted.scenes)


def _standing(trusted: Facts, pulled: Mapping[str, Tensor]) -> Facts:
    """The facts without those that are outvoted. pulled: dV/dx by predicate."""
    stays = {name: trusted.validity(name) & _stays(trusted.crisp(name), change) for name, change in pulled.items()}
    return replace(trusted, valid={**trusted.valid, **stays})


def _stays(true: Tensor, pulled: Tensor) -> Tensor:
    """Bool: facts that are not outvoted. true: what they say, bool; pulled: dV/dx."""
    return torch.where(true, -pulled, pulled) >= -MARGIN


def _summed(pulls: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    total: dict[str, Tensor] = {}
    for each in pulls:
        for name, change in each.items():
            total[name] = total[name] + change if name in total else change
    return total


def _some(facts: Facts, most: int) -> Tensor:
    """The numbers of at most so many scenes, and about PAIRS pairs of objects, by a fixed hash of the scene's name."""
    order = sorted(range(len(facts)), key=lambda scene: shares(facts.name(scene)))[:most]
    objects = facts.objects.sum(1).cpu()[order]
    pairs = (objects * (objects - 1)).cumsum(0)
    return torch.tensor(sorted(order[: 1 + int((pairs < PAIRS).sum())]), device=facts.objects.device)


def _clauses(formula: Formula, vocabulary: Vocabulary) -> tuple[Clause, ...]:
    """The rule as clauses over few different objects; none where it has another form."""
    said = statement(formula, vocabulary)
    if said.transform or said.vacuous or said.clauses is None or len(said.names) > MOST_VARIABLES:
        return ()
    found = []
    for clause in said.clauses:
        atoms = [(literal.positive, literal.fact) for literal in clause if isinstance(literal.fact, Atom)]
        if len(atoms) < len(clause) or any(not _distinct(atom) for _, atom in atoms):
            return ()
        found.append(tuple(atoms))
    return tuple(found)


def _distinct(atom: Atom) -> bool:
    return 0 < len(atom.arguments) == len(set(atom.arguments))


def pull(clauses: Sequence[Clause], facts: Facts) -> dict[str, Tensor]:
    """dV/dx by predicate, of the shape of its values: V is the number of broken groundings of the clauses, x the truth.

    Atoms that may not be asked, and objects that are not distinct, break nothing.
    """
    names = sorted({atom.predicate for clause in clauses for _, atom in clause})
    asked = {name: facts.validity(name) & facts.groundings(facts.values[name].dim() - 1) for name in names}
    x = {name: (facts.crisp(name) & asked[name]).float().requires_grad_() for name in names}
    denied = {name: asked[name] * (1 - x[name]) for name in names}
    distinct = facts.groundings(2).float()
    broken = torch.zeros((), device=distinct.device)
    for clause in clauses:
        factors = [(denied if right else x)[atom.predicate] for right, atom in clause]
        axes = [atom.arguments for _, atom in clause]
        variables = sorted({name for arguments in axes for name in arguments})
        for pair in itertools.combinations(variables, 2):
            if not any(set(pair) <= set(arguments) for arguments in axes):
                factors.append(distinct)
                axes.append(pair)
        letter = dict(zip(variables, ascii_lowercase, strict=False))
        words = ["z" + "".join(letter[name] for name in arguments) for arguments in axes]
        broken = broken + torch.einsum(",".join(words) + "->", *factors)
    return dict(zip(names, torch.autograd.grad(broken, [x[name] for name in names]), strict=True))
