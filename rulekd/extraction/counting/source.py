"""Where one ledger is counted: facts, and the doubts about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rulekd.facts import Facts
from rulekd.grounding import View


@dataclass(frozen=True)
class Source:
    """Where one ledger is counted: the facts about the scenes, and about their images under transforms.

    unsure: the same without the facts that the network was unsure of. trusted: and without those that twins and
    near-laws give away. errors: for each predicate the estimated share of wrong facts; wrong: of its true facts;
    blamed: the share of true facts that bear the blame for broken near-laws. twinned: predicates whose errors a twin of
    their own shows; of others ``errors`` and ``wrong`` are guesses from these. own: where nothing has a twin, the share
    of true facts that are wrong by what a network says of itself.
    """

    view: View
    unsure: View
    trusted: View
    images: Mapping[str, View] = field(default_factory=dict)
    trusted_images: Mapping[str, View] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    wrong: Mapping[str, float] = field(default_factory=dict)
    blamed: Mapping[str, float] = field(default_factory=dict)
    twinned: frozenset[str] = frozenset()
    own: Mapping[str, float] = field(default_factory=dict)
    _shares: dict[str, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def believed(self) -> bool:
        """Is nothing doubted? Then all facts and undoubted ones are the same."""
        pairs = [(self.view, self.trusted), (self.view, self.unsure)]
        pairs += [(self.images[name], self.trusted_images[name]) for name in self.images]
        return all(_same_validity(one.facts, other.facts) for one, other in pairs)

    def share(self, predicate: str) -> float:
        """Share of the groundings at which a predicate is true."""
        if predicate not in self._shares:
            facts = self.view.facts
            self._shares[predicate] = facts.told(predicate) / max(1, int(facts.validity(predicate).sum()))
        return self._shares[predicate]


def _same_validity(one: Facts, other: Facts) -> bool:
    """Are the very same tensors their validity?"""
    return one.valid.keys() == other.valid.keys() and all(one.valid[name] is other.valid[name] for name in one.valid)
