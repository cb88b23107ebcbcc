"""What is written is simple: numbers go where hardly an error is added, and so do literals that say nothing."""

from __future__ import annotations

import numpy as np
import torch

from kg import Atom
from rulekd.extraction.fitting.columns import Column, bases, single
from rulekd.extraction.fitting.disjunctions import Cut
from rulekd.extraction.fitting.growth import Grown
from rulekd.extraction.fitting.printing import written_simply
from rulekd.extraction.fitting.questions import Question, sites_of
from rulekd.facts import Facts
from rulekd.scenes import Scenes


def question() -> tuple[Question, list[Column]]:
    """Is x at most 0.5? 2,000 things at random in a unit cube."""
    center = torch.rand(2000, 1, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scenes = Scenes(mask=torch.ones(2000, 1, dtype=torch.bool), center=center)
    facts = Facts({"p": center[..., 0] <= 0.5}, mask=scenes.mask)
    sites = sites_of(facts, scenes, ("a",))
    columns = [single(one) for one in bases(sites) if str(one.term) in ("x(a)", "z(a)")]
    return Question(Atom("p", ("a",)), sites, center[:, 0, 0].numpy() <= 0.5, np.arange(2000)), columns


def cut(column: Column, number: int, above: bool, threshold: float) -> Cut:
    """Between the two sites that the threshold lies between."""
    values = np.sort(column.values)
    place = int(np.searchsorted(values, threshold))
    return Cut(number, above, float(values[place - 1]), float(values[place]))


def test_a_literal_that_says_nothing_goes() -> None:
    asked, (x, z) = question()
    # Half a per cent of the things lie under 0.005: that is worth no number, and z(a) >= 0 is true of all.
    grown = Grown(((cut(x, 0, False, 0.5), cut(z, 1, True, 0.005)),), 0.99)
    printed = written_simply(asked, [x, z], grown)
    assert str(printed.body) == "x(a) <= 0.5"
    assert printed.literals == 1


def test_a_literal_that_says_something_stays() -> None:
    asked, (x, z) = question()
    true = asked.truth & (z.values >= 0.2)
    printed = written_simply(
        Question(asked.atom, asked.sites, true, asked.units),
        [x, z],
        Grown(((cut(x, 0, False, 0.5), cut(z, 1, True, 0.2)),), 1.0),
    )
    assert str(printed.body) == "x(a) <= 0.5 & z(a) >= 0.2"
    assert printed.fidelity == 1


def test_a_threshold_without_a_number_is_taken_where_it_tells_the_same() -> None:
    """Below 0 some are told wrong, so that other thresholds do nearly as well there; just above it none does."""
    values = np.sort(np.random.default_rng(0).uniform(-1, 1, 2000))
    center = torch.zeros(2000, 1, 3, dtype=torch.float64)
    center[:, 0, 0] = torch.from_numpy(values)
    scenes = Scenes(mask=torch.ones(2000, 1, dtype=torch.bool), center=center)
    sites = sites_of(Facts({"p": center[..., 0] > 0}, mask=scenes.mask), scenes, ("a",))
    (x,) = [single(one) for one in bases(sites) if str(one.term) == "x(a)"]
    true = values <= 0
    true[np.flatnonzero(true)[-300::2]] = False
    asked = Question(Atom("p", ("a",)), sites, true, np.arange(2000))
    printed = written_simply(asked, [x], Grown(((cut(x, 0, False, 0.0),),), 0.98))
    assert str(printed.body) == "x(a) <= 0"
