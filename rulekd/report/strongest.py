"""Which rules to show first: the best founded, and not ten of a kind."""

from __future__ import annotations

from collections import Counter

from kg import Evidence, Kind, KnowledgeGraph, Rule

#: At most so many of one family are shown while another has any.
OF_A_FAMILY = 3


def strongest(graph: KnowledgeGraph, count: int = 10) -> tuple[Rule, ...]:
    """The confirmed axioms whose violation rate is surely smallest: by the upper end of its interval, then by support.

    One law of each kind (transitive, inverse, under mirror_x, ..) comes before a second, three of a family before a
    fourth; what is chosen so is shown in the order of strength. Habits of the teacher are left out.
    """
    ranked = sorted(
        (r for r in graph.axioms() if r.evidence is not None and r.evidence.confirmed and r.kind is not Kind.HABIT),
        key=_rank,
    )
    chosen: list[Rule] = []
    for of_a_kind, of_a_family in ((1, OF_A_FAMILY), (OF_A_FAMILY, OF_A_FAMILY), (count, count)):
        for rule in ranked:
            if len(chosen) == count:
                break
            kinds, families = Counter(map(kind_of, chosen)), Counter(map(_family, chosen))
            if rule not in chosen and kinds[kind_of(rule)] < of_a_kind and families[_family(rule)] < of_a_family:
                chosen.append(rule)
    return tuple(sorted(chosen, key=_rank))


def kind_of(rule: Rule) -> str:
    """``transitive`` of ``transitive(left_of)``, ``under mirror_x``; a rule without such a name is its own kind."""
    return rule.name.partition("(")[0] if rule.name != rule.text else rule.id


def _family(rule: Rule) -> str:
    return rule.provenance.family or rule.id


def _rank(rule: Rule) -> tuple[float, int, str]:
    evidence = rule.evidence
    assert isinstance(evidence, Evidence)
    return (1.0 if evidence.interval is None else evidence.interval[1], -evidence.support, rule.id)
