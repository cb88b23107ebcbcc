"""The closed form of a renamed head against all renamings, one by one."""

from __future__ import annotations

import itertools
import math
import operator

import numpy as np
import pytest
import torch

import rulekd
from kg import Atom, parse
from kg.formulas import walk
from rulekd.extraction.counting.products import Dense
from rulekd.extraction.evidence.chance import closed_form, everywhere, p_by_chance, p_values, placed
from rulekd.extraction.evidence.moments import Moments
from rulekd.facts import Facts
from rulekd.grounding import View


def moments(body: torch.Tensor, head: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance (B,) over renamings of all objects, of (B, N) or (B, N, N) sides."""
    real = torch.ones(body.shape[:2], dtype=torch.bool)
    one, other = (Dense(side.flatten(1)[:, None], real, width) for side in (body, head))
    found = closed_form(one, other, everywhere(real.sum(1), width))
    return found.mean[:, 0], found.variance[:, 0]


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_matrix_moments_are_those_of_all_renamings(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    body = torch.randint(0, 4, (1, n, n), generator=generator).double()
    head = torch.randint(0, 2, (1, n, n), generator=generator).double()
    for matrix in (body, head):
        matrix[:, range(n), range(n)] = 0
    totals = torch.stack([(body * head[:, p][:, :, p]).sum() for p in map(list, itertools.permutations(range(n)))])
    mean, variance = moments(body, head, 2)
    assert mean.item() == pytest.approx(totals.mean().item())
    assert variance.item() == pytest.approx(totals.var(unbiased=False).item(), abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_vector_moments_are_those_of_all_renamings(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    body = torch.randint(0, 3, (1, n), generator=generator).double()
    head = torch.randint(0, 3, (1, n), generator=generator).double()
    totals = torch.stack([(body * head[:, p]).sum() for p in map(list, itertools.permutations(range(n)))])
    mean, variance = moments(body, head, 1)
    assert mean.item() == pytest.approx(totals.mean().item())
    assert variance.item() == pytest.approx(totals.var(unbiased=False).item(), abs=1e-9)


def random_facts(seed: int, density: float) -> Facts:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(7)[None] < torch.randint(3, 8, (20, 1), generator=generator)
    names = ("p", "q")
    return Facts({n: torch.rand(20, 7, 7, generator=generator) < density for n in names}, mask=mask)


@pytest.mark.parametrize("text", ["p(a, b) -> q(b, a)", "p(a, b) & p(b, c) -> q(a, c)", "~(p(a, b) & q(a, b))"])
def test_unrelated_relations_are_not_found(text: str) -> None:
    """The p-value is a bound: it is at most a level less often than the level says."""
    p = torch.tensor([p_by_chance(parse(text), View(random_facts(seed, 0.3))) for seed in range(300)])
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).double().mean() <= level
    assert (p < 1).double().mean() > 0.35, "and they are no constant"


def test_a_hub_is_not_taken_for_a_law() -> None:
    """One graph: p and q both hang on one object. A renaming in 40 makes them agree, which a normal p-value of 1e-20
    would deny."""
    star = torch.zeros(1, 40, 40, dtype=torch.bool)
    star[0, 0, 1:] = True
    p = p_by_chance(parse("p(a, b) -> q(a, b)"), View(Facts({"p": star, "q": star})))
    assert p == pytest.approx(1 / 40), "Cantelli's bound, V / (V + t^2), is exact here"


def test_many_rules_at_once_get_the_same_p_values() -> None:
    view = View(random_facts(4, 0.4))
    texts = ("p(a, b) -> q(b, a)", "p(a, b) & p(b, c) -> q(a, c)", "~(p(a, b) & q(a, b))", "p(a, b) | q(a, b)")
    formulas = [parse(text) for text in (*texts, "p(a, b) <-> q(a, b)", "~(p(a, b) & p(a, c))")]
    for one, together in zip([p_by_chance(f, view) for f in formulas], p_values(formulas, view), strict=True):
        assert together == pytest.approx(one)


@pytest.mark.parametrize("seed", range(12))
def test_no_p_value_lies_under_the_share_of_all_renamings_that_give_as_much(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    body, head = (torch.randint(0, 3, (3, 4), generator=generator).double() for _ in range(2))
    orders = list(map(list, itertools.permutations(range(4))))
    each = torch.stack([(body * head[:, order]).sum(1) for order in orders], 1)  # (3 scenes, 24 renamings)
    sums = (each[0][:, None, None] + each[1][:, None] + each[2]).flatten()
    mean, variance = moments(body, head, 1)
    for total in sums.unique():
        first = torch.tensor([float(total), 0.0, 0.0], dtype=torch.float64)
        bound = Moments(first, mean, variance, each.amax(1)).p_value(expects_more=True)
        assert bound >= float((sums >= total).double().mean()) - 1e-12


def test_the_bound_holds_for_the_variables_with_the_heaviest_tails_and_one_hub_does_not_spoil_it() -> None:
    above, variance = torch.tensor([8.0, *[1.0] * 19]).double(), torch.tensor([2.0, *[0.2] * 19]).double()
    whole = np.ones(
        1
    )  # the distribution of the sum of jumps, in steps: scene 0 jumps by 8 + v / h, the others by 1 + v
    for chance in (variance / (above**2 + variance)).tolist()[1:]:
        whole = np.convolve(whole, [1 - chance, chance])
    hub = float(variance[0] / (above[0] ** 2 + variance[0]))
    low = -float((variance / above).sum())
    for t in (6.0, 9.0, 12.0, 15.0):
        exact = sum(
            share * weight
            for jumps, share in enumerate(whole)
            for weight, rise in ((hub, 8.25), (1 - hub, 0.0))
            if low + rise + 1.2 * jumps >= t - 1e-9
        )
        zero = torch.zeros(20, dtype=torch.float64)
        first = torch.tensor([t, *[0.0] * 19], dtype=torch.float64)
        bound = Moments(first, zero, variance, above).p_value(expects_more=True)
        assert exact <= bound < math.exp(-(t**2) / (2 * 5.8 + 2 * 8 * t / 3))  # Bernstein with the hub's 8 for all


@pytest.mark.parametrize("density", [0.5, 0.9])
def test_related_relations_are_found_and_a_frequent_head_is_not(density: float) -> None:
    facts = random_facts(1, density)
    same = Facts({"p": facts.values["p"], "q": facts.values["p"].transpose(1, 2)}, mask=facts.mask)
    rule = parse("p(a, b) -> q(b, a)")
    assert (p_by_chance(rule, View(same)) or 0) < 1e-4, "saw 8e-6 for the frequent one"
    assert (p_by_chance(rule, View(facts)) or 0) > 0.01, "q is true nearly everywhere, but not because of p"


def test_a_functional_relation_is_no_accident() -> None:
    place = torch.arange(6)
    pointer = (place[None, :, None] + 1 == place[None, None, :]).expand(30, 6, 6)
    assert (p_by_chance(parse("~(p(a, b) & p(a, c))"), View(Facts({"p": pointer}))) or 1) < 1e-6


def test_one_graph_is_enough_to_see_that_an_order_and_its_converse_are_no_chance() -> None:
    """A renaming of n places agrees with an order in about half of the pairs, give or take n^1.5 / 6 (Kendall)."""
    place = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    less = (place[:, None] < place[None])[None]
    facts = View(Facts({"less": less, "more": less.transpose(1, 2)}))
    formulas = [parse("less(a, b) -> more(b, a)"), parse("less(a, b) & less(b, c) -> less(a, c)")]
    assert max(p or 0.0 for p in p_values(formulas, facts)) < 1e-9


def test_one_graph_with_hubs_keeps_its_bound() -> None:
    star = torch.zeros(1, 40, 40, dtype=torch.bool)
    star[0, 0, 1:] = True
    assert p_values([parse("p(a, b) -> q(a, b)")], View(Facts({"p": star, "q": star}))) == [pytest.approx(1 / 40)]


ALONE = ("~(p(a, b) & p(b, a))", "p(a, b) | p(b, a)", "~(p(a, b) & p(a, c))", "~(p(a, b) & p(c, b))")


@pytest.mark.parametrize("text", ALONE)
@pytest.mark.parametrize("facts", [1, 2, 3, 4])
def test_moments_of_facts_placed_at_random_are_those_of_all_placements(text: str, facts: int) -> None:
    places = [(a, b) for a, b in itertools.product(range(4), repeat=2) if a != b]
    chosen = list(itertools.combinations(places, facts))
    worlds = torch.zeros(len(chosen), 5, 5, dtype=torch.bool)  # one place is padding, and says yes
    worlds[:, 4], worlds[:, :, 4] = True, True
    for number, some in enumerate(chosen):
        for a, b in some:
            worlds[number, a, b] = True
    mask = torch.tensor([True] * 4 + [False]).expand(len(chosen), 5)
    one, other = (part for part in walk(parse(text)) if isinstance(part, Atom))
    moments = placed(one, other, View(Facts({"p": worlds}, mask=mask)))
    assert moments.mean[0].item() == pytest.approx(moments.total.mean().item())
    assert moments.variance[0].item() == pytest.approx(moments.total.var(correction=0).item())


@pytest.mark.parametrize("density", [0.06, 0.3, 0.8])
def test_relations_at_random_have_no_laws_of_their_own(density: float) -> None:
    """Under 0.05 lie two to six of 40 here (the first two texts are one test), and the least is 0.004."""
    found: list[float] = []
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        view = View(Facts({"p": torch.rand(200, 12, 12, generator=generator) < density}))
        found += [p for p in p_values([parse(text) for text in ALONE], view) if p is not None]
    assert len(found) == 40
    assert sum(p < 0.05 for p in found) <= 8
    assert min(found) > 0.001


def unknown_together(seed: int, shape: tuple[int, ...], known: float) -> Facts:
    """Two predicates that have nothing to do with each other, and of which the same groundings are known."""
    generator = torch.Generator().manual_seed(seed)
    body, head = (torch.rand(shape, generator=generator) < share for share in (0.3, 0.8))
    asked = torch.rand(shape, generator=generator) < known
    return Facts({"body": body, "head": head}, valid={"body": asked, "head": asked})


@pytest.mark.parametrize(
    ("shape", "text"),
    [((12, 6, 6), "body(a, b) -> head(a, b)"), ((30, 8), "body(a) -> head(a)"), ((60, 1), "body(a) -> head(a)")],
)
def test_what_is_unknown_of_both_is_no_relation(shape: tuple[int, ...], text: str) -> None:
    """The p-value stays a bound where half of the groundings may not be asked about, the same of either."""
    p = torch.tensor([p_by_chance(parse(text), View(unknown_together(seed, shape, 0.5))) for seed in range(200)])
    at_once = [p_values([parse(text)], View(unknown_together(seed, shape, 0.5)))[0] for seed in range(20)]
    assert at_once == pytest.approx(p[:20].tolist())
    for level in (0.05, 0.2):
        assert (p <= level).double().mean() <= level * 1.3


def test_the_variance_where_half_is_unknown_is_that_of_heads_drawn_anew() -> None:
    """With body, validity and the number of true heads fixed, T of heads placed anew among what may be asked is
    hypergeometric: its variance is known."""
    facts = unknown_together(3, (1, 24, 24), 0.4)
    asked = facts.validity("body") & ~torch.eye(24, dtype=torch.bool)
    x, y = (((facts.crisp(name) & asked).double()).flatten(1)[:, None] for name in ("body", "head"))
    where = Dense(asked.double().flatten(1)[:, None], facts.objects, 2)
    found = closed_form(Dense(x, facts.objects, 2), Dense(y, facts.objects, 2), where.described())
    n, k, m = int(asked.sum()), float(x.sum()), float(y.sum())
    assert float(found.mean) == pytest.approx(k * m / n)
    assert float(found.variance) == pytest.approx(k * m * (n - k) * (n - m) / n**2 / (n - 1), rel=0.1), "saw 3 % off"


def test_copies_of_a_scene_say_what_the_scene_says() -> None:
    few = random_facts(7, 0.3)
    copies = few.select(torch.arange(20).repeat_interleave(9))
    grouped = Facts(copies.values, copies.mask, group=[int(scene) for scene in torch.arange(20).repeat_interleave(9)])
    for text in ("p(a, b) -> q(b, a)", "p(a, b) & p(b, c) -> q(a, c)", "~(p(a, b) & p(b, a))"):
        assert p_by_chance(parse(text), View(grouped)) == pytest.approx(p_by_chance(parse(text), View(few)))
    single = Facts({"p": torch.arange(40) % 2 == 0, "q": torch.arange(40) % 4 < 3})
    nine = torch.arange(40).repeat_interleave(9)
    grouped = Facts({name: value[nine] for name, value in single.values.items()}, group=nine)
    assert p_by_chance(parse("p() -> q()"), View(grouped)) == p_by_chance(parse("p() -> q()"), View(single))


def test_hubs_that_meet_by_luck_are_not_taken_for_a_law() -> None:
    """One graph of 400: two relations have nothing in common but their hub, which one renaming in 400 gives."""
    generator = torch.Generator().manual_seed(2)
    values = {name: torch.rand(1, 400, 400, generator=generator) < 0.06 for name in ("p", "q")}
    for value in values.values():
        value[0, 0] = True
    (p,) = p_values([parse("p(a, b) -> q(a, b)")], View(Facts(values)))
    assert p is not None
    assert p > 1e-3, "was 9e-45"


@pytest.mark.parametrize("text", ["~(p(a, b) & q(a, b))", "p(a, b) -> q(a, b)", "~(p(a, b) & p(a, c))"])
def test_where_what_may_be_asked_is_irregular_a_p_value_is_still_a_bound(text: str) -> None:
    """A third of the groundings is known, here and there, so that few share an object."""
    found = []
    for seed in range(400):
        generator = torch.Generator().manual_seed(seed)
        shape = (30, 4, 4)
        values = {name: torch.rand(shape, generator=generator) < 0.5 for name in ("p", "q")}
        asked = torch.rand(shape, generator=generator) < torch.rand(30, 4, 1, generator=generator)
        found.append(p_values([parse(text)], View(Facts(values, valid={"p": asked, "q": asked})))[0] or 0.0)
    p = torch.tensor(found)
    assert p.min() > 1e-4, "was 1e-30"
    assert (p <= 0.05).double().mean() <= 0.06


def pairs(seed: int, scenes: int, mask: bool = False) -> Facts:
    """Scenes of two objects: two symmetric relations and an ordinary one, base rates by scene, nothing related."""
    generator = torch.Generator().manual_seed(seed)
    size = 3 if mask else 2
    place = torch.rand(scenes, size, generator=generator).argsort(1)
    values = {}
    for name in ("p", "q", "r"):
        rate = torch.rand(scenes, 1, 1, generator=generator)
        value = torch.rand(scenes, size, size, generator=generator) < rate
        values[name] = value if name == "r" else value | value.transpose(1, 2)
    return Facts(values, mask=place < 2 if mask else None)


@pytest.mark.parametrize("text", ["p(a, b) -> q(a, b)", "~(p(a, b) & q(b, a))", "r(a, b) -> p(a, b)"])
def test_in_scenes_of_two_objects_the_scenes_are_renamed(text: str) -> None:
    """Against all renamings of six scenes, at either order of the objects."""
    rule = parse(text)
    for seed, mask in ((0, False), (1, False), (2, True)):
        facts = pairs(seed, 6, mask)
        objects = [row.nonzero().flatten().tolist() for row in facts.objects]
        (body, x), (head, y) = [
            (atom.predicate, atom.arguments) for atom in (one for one in walk(rule) if isinstance(one, Atom))
        ]
        fewest = [2.0]
        for order in (1, -1):
            ends = [dict(zip("ab", pair[::order], strict=True)) for pair in objects]
            left = [bool(facts.values[body][s, e[x[0]], e[x[1]]]) for s, e in enumerate(ends)]
            right = [bool(facts.values[head][s, e[y[0]], e[y[1]]]) for s, e in enumerate(ends)]
            sums = [sum(map(operator.and_, left, renamed)) for renamed in itertools.permutations(right)]
            seen = sum(map(operator.and_, left, right))
            extreme = [one >= seen if "->" in text else one <= seen for one in sums]
            fewest.append(sum(extreme) / len(sums))
        inside = p_by_chance(rule, View(facts))
        assert inside is not None
        if min(fewest) * 3 < 1:
            assert inside <= 3 * min(fewest) + 1e-12
        if "q" in text:  # both symmetric: nothing is told inside
            assert inside == pytest.approx(min(1.0, 3 * min(fewest)))


def test_scenes_are_renamed_only_where_objects_tell_nothing() -> None:
    """Rates that differ by scene relate what is unrelated inside; how many objects a scene has says nothing of each."""
    rules = [parse("p(a, b) -> q(a, b)"), parse("small(a) -> r(a)"), parse("~(small(a) & r(a))")]
    found = []
    for seed in range(100):
        generator = torch.Generator().manual_seed(seed)
        many = torch.rand(120, 1, 1, generator=generator) < 0.5
        rate = torch.where(many, 0.9, 0.1)
        pair = {name: torch.rand(120, 2, 2, generator=generator) < rate for name in "pq"}
        mask = torch.arange(12)[None] < torch.where(many[:, 0], 12, 3)
        one = {"small": ~many[:, 0].expand(120, 12), "r": torch.rand(120, 12, generator=generator) < 0.95}
        found.append([p_by_chance(rules[0], View(Facts(pair))), *p_values(rules[1:], View(Facts(one, mask=mask)))])
    assert ((torch.tensor(found) < 0.05).double().mean(0) <= 0.07).all()


def test_unrelated_symmetric_relations_of_pairs_are_seldom_taken_for_related() -> None:
    texts = ("p(a, b) -> q(a, b)", "~(p(a, b) & q(b, a))", "r(a, b) -> p(a, b)", "r(a, b) -> r(b, a)")
    found = [p for seed in range(300) for p in p_values([parse(text) for text in texts], View(pairs(seed, 60)))]
    p = torch.tensor(found).reshape(-1, len(texts))[:, :3]
    assert ((p < 0.05).double().mean(0) <= 0.05).all(), "r of a scene has one base rate: it is symmetric more or less"
    assert (p < 0.3).any()


def test_laws_of_symmetric_relations_are_found_in_scenes_of_two_objects() -> None:
    x = torch.rand(200, 2, 2, generator=torch.Generator().manual_seed(0))
    far = (x[:, :, None] - x[:, None]).norm(dim=-1)
    facts = Facts({"touching": far < 0.4, "near": far < 0.6, "apart": far > 0.7})
    found = {rule.text for rule in rulekd.mine(facts).rules() if rule.evidence and rule.evidence.confirmed}
    assert {"touching(a, b) -> near(a, b)", "near(a, b) <-> near(b, a)", "~(apart(a, b) & near(a, b))"} <= found


def alike(seed: int, related: bool) -> View:
    """150 scenes of up to five objects, each indoors or not as a whole, lit or not, and some objects red."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(150, *shape, generator=generator)

    bright, mask = draw(1), draw(5) < 0.8
    lit = (bright > 0.5).expand(150, 5)
    indoors = (bright > 0.3 if related else draw(1) > 0.3).expand(150, 5)
    red = (draw(5) < 0.3) & (lit if related else True)
    return View(Facts({"lit": lit.clone(), "indoors": indoors.clone(), "red": red}, mask=mask))


def test_what_is_the_same_of_all_objects_is_renamed_scene_by_scene() -> None:
    laws = [parse(text) for text in ("lit(a) -> indoors(a)", "red(a) -> lit(a)", "red(a) -> indoors(a)")]
    assert max(p or 1 for p in p_values(laws, alike(0, related=True))) < 1e-3
    heads = [parse(text) for text in ("lit(a) -> red(a)", "~(lit(a) & indoors(a))")]
    p = torch.tensor([p_values(laws + heads, alike(seed, related=False)) for seed in range(300)])
    assert ((p < 0.05).double().mean(0) <= 0.05).all()
    assert (p < 0.5).any(0)[:3].all()


def test_no_scenes_tell_nothing() -> None:
    rules = [parse(text) for text in ("p(a, b) -> q(a, b)", "r(a, b) -> r(b, a)", "p(a, b) & q(b, c) -> r(a, c)")]
    facts = Facts({name: torch.zeros(0, 3, 3, dtype=torch.bool) for name in "pqr"})
    assert p_values(rules, View(facts)) == [1.0, 1.0, 1.0]
