"""Is a rule there by chance? Its head is permuted against its body inside every unit, in closed form.

Body and head are summed over the variables that they do not share. What is left are two vectors, or two
matrices, X (body) and Y (head) over the objects of a scene, and the number of groundings in which both hold is

    T = sum_ab X_ab Y_ab.

If the two have nothing to do with each other inside a scene, any renaming pi of the objects of Y is as likely as
any other. Mean and variance of T over all renamings are known exactly: every pair of places falls into one of
seven patterns (the same pair, reversed, sharing the first object, ...), and a renaming spreads the products of
Y evenly over the places of a pattern:

    E T   = sum X sum Y / (n (n - 1)),        E T^2 = sum over patterns of  S(X) S(Y) / number of places.

Where not every grounding may be asked about, both sides stand on the places J at which both may be: n (n - 1) and the
number of pairs of places in a pattern are those of J. (Exact where J is all pairs of some objects; elsewhere the
variance is no less than that of facts placed at random in J.) The bounds of the p-value are those of
``moments``; one big graph is served as well.

On very few scenes these bounds find next to nothing: there renamings are drawn as well, and where none of them falls
further from the mean than a normal variable would, and they spread as far as the exact variance says (which a rare
renaming that gives a large sum would account for alone), the normal tail is taken, of what is left of T without the
most that one object can add to it: two hubs meet in one renaming of n, which few draws show.

In a scene of two objects a renaming leaves a symmetric side as it is, and T with it; so it does in every scene where a
side is the same of all objects. There the scenes are renamed too, all that a scene's head says going to another scene.
Of each scene one grounding counts (of a pair in either order), so that the numbers are hypergeometric, however many
objects a scene has. The least of the k p-values is taken k times.

A law of one predicate that pairs its facts with each other (asymmetric, total, functional) has no two sides that could
be unrelated: there chance means that the facts of each scene are placed at random (``placed``).

Source: Mantel, "The detection of disease clustering and a generalized regression approach", Cancer Research 1967.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import hypergeom
from torch import Tensor

from kg import Formula
from kg.formulas import And, Atom, Iff, Implies, Not, Or, Under
from kg.normal import free_variables
from rulekd.extraction.counting.fans import is_fan
from rulekd.extraction.counting.matrices import Batch, stacked
from rulekd.extraction.counting.products import Dense, Described, Stack
from rulekd.extraction.counting.sides import Group, Kind, groups
from rulekd.extraction.evidence.moments import Moments
from rulekd.grounding import View
from rulekd.truth import truth

#: Under so many scenes renamings are drawn, so many. If T is normal, none is further off than so many deviations (but
#: in one set of 700), and their mean square is no less than this share of the variance.
FEW, CHECKS, FURTHEST, SPREAD = 8, 200, 4.5, 0.6


#: Of the scenes of two objects in which a side is true in some order, the share in which it is true in both, and the
#: same of false, from which on it is symmetric but for errors. Facts placed at random are not: at a rate r the shares
#: are r / (2 - r) and (1 - r) / (1 + r), and where half of the scenes have the rate 0.95 and half 0.05, both are 0.83.
SYMMETRIC = 0.85

#: Pairs expected by chance from which on their number is taken for normal; the lower tail of a Poisson variable is
#: lighter.
EXPECTED = 10


def p_values(formulas: Sequence[Formula], view: View, images: Mapping[str, View] | None = None) -> list[float | None]:
    """``p_by_chance`` of many rules: those that are two matrices of the same width are served at once."""
    if not len(view.facts):
        return [None if two_sides(formula) is None else 1.0 for formula in formulas]
    found: list[float | None] = [None] * len(formulas)
    pairs = _pairs(view)
    alone = [place for place, formula in enumerate(formulas) if _alone(formula) is not None and _several(view)]
    rest = [place for place in range(len(formulas)) if place not in set(alone)]
    batched, others = groups([formulas[place] for place in rest]) if _several(view) else ([], list(range(len(rest))))
    for group in batched:
        for place, kind, moments in zip(group.places, group.kinds, _of_group(group, view), strict=True):
            more = kind in (Kind.IMPLIES, Kind.IFF)
            inside = moments.by_unit(view.facts).p_value(expects_more=more)
            found[rest[place]] = _with_scenes(inside, formulas[rest[place]], view, None, pairs)
    for place in (*alone, *(rest[place] for place in others)):
        formula = formulas[place]
        image = (images or {}).get(str(formula.transform)) if isinstance(formula, Under) else None
        found[place] = _p_value(formula, view, image, pairs)
    return found


def p_by_chance(formula: Formula, view: View, image: View | None = None) -> float | None:
    """p-value of "body and head are unrelated within a unit"; None for a shape that has no two sides.

    An implication and an equivalence need more common groundings than chance gives, an exclusion and an
    exhaustion fewer. image: the transformed scenes, when the rule is about a transform.
    """
    return _p_value(formula, view, image, _pairs(view))


def _p_value(formula: Formula, view: View, image: View | None, pairs: View | None) -> float | None:
    """``p_by_chance``; pairs: the scenes of two objects, as many rules ask for them."""
    sides = two_sides(formula)
    if sides is None:
        return None
    left, right, expects_more = sides
    alone = _alone(formula) if image is None and _several(view) else None
    if alone is not None:
        inside = placed(*alone, view).by_unit(view.facts).p_value(expects_more=False)
        return _with_scenes(inside, formula, view, None, pairs)
    other = view if image is None else image
    shared = tuple(v for v in free_variables(left) if v in free_variables(right))
    if not free_variables(formula) or (len(shared) <= 1 and not _several(view)):
        # Of a statement about scenes, and inside a scene of one object, nothing can be renamed: the scenes are.
        return _over_scenes(left, right, shared, (view, other), expects_more)
    if not shared:
        return None
    if len(shared) > 2 or all(set(free_variables(side)) != set(shared) for side in (left, right)):
        return 1.0  # a shape that no family proposes: it is not known to be more than chance
    body, head = (
        Dense(_summed(side, shared, seen).flatten(1)[:, None], view.facts.objects, len(shared))
        for side, seen in ((left, view), (right, other))
    )
    where = Dense(_asked(((left, view), (right, other)), shared).flatten(1)[:, None], view.facts.objects, len(shared))
    partly = bool(view.facts.valid or other.facts.valid)
    moments = closed_form(body.at(where), head.at(where), where.described(), irregular=partly)
    inside = _each(moments, torch.flatten).by_unit(view.facts).p_value(expects_more=expects_more)
    return _with_scenes(inside, formula, view, image, pairs)


def _alone(formula: Formula) -> tuple[Atom, Atom] | None:
    """The two atoms of a law that pairs the facts of one predicate: p(a, b) with p(b, a), p(a, c) or p(c, b)."""
    match formula:
        case Not(And((Atom() as one, Atom() as other))) | Or((Atom() as one, Atom() as other)):
            same = one.predicate == other.predicate and set(one.arguments) & set(other.arguments)
            turned = one.arguments == other.arguments[::-1]
            if same and len(set(one.arguments)) == len(one.arguments) == 2 and (turned or is_fan(one, other)):
                return one, other
    return None


def placed(one: Atom, other: Atom, view: View) -> Moments:
    """How many pairs of facts stand to each other as the two atoms do, when facts are placed at random.

    With m facts in k places, P pairs of places that stand so, A = sum_f r_f (r_f - 1) ordered pairs of such pairs that
    share a place f (which stands so to r_f others), and (x)_i = x (x - 1) ... (x - i + 1),

        E T   = P (m)_2 / (k)_2
        E T^2 = P (m)_2 / (k)_2 + A (m)_3 / (k)_3 + (P^2 - P - A) (m)_4 / (k)_4,

    as two pairs are the same, share one place or none.
    """
    facts = view.facts
    asked = facts.validity(one.predicate) & facts.groundings(2)
    true = asked & facts.crisp(one.predicate)

    turned = one.arguments == other.arguments[::-1]
    (shared,) = {one.arguments[0]} if turned else set(one.arguments) & set(other.arguments)

    def partners(places: Tensor) -> Tensor:
        """(B, N) float64: the places of each shared object."""
        return places.sum(2 if one.arguments[0] == shared else 1).double()

    def related(places: Tensor) -> Tensor:
        if turned:
            return (places & places.transpose(1, 2)).sum((1, 2)).double() / 2
        each = partners(places)
        return (each * (each - 1)).sum(1) / 2

    m, k, pairs = true.sum((1, 2)).double(), asked.sum((1, 2)).double(), related(asked)
    each = partners(asked)
    touching = 0 * pairs if turned else (each * (each - 1) * (each - 2)).sum(1)  # a place has one turned
    share = torch.ones_like(m)
    shares = []
    for taken in range(4):
        share = share * _ratio((m - taken).clamp_min(0), (k - taken).clamp_min(0))
        shares.append(share)
    mean = pairs * shares[1]
    square = pairs * shares[1] + touching * shares[2] + (pairs**2 - pairs - touching).clamp_min(0) * shares[3]
    variance = (square - mean**2).clamp_min(0)
    most = torch.minimum(pairs, m * (m - 1) / 2)
    whole = Moments(related(true), mean, variance, most, normal=float(mean.sum()) >= EXPECTED)
    return _each(whole, Tensor.cpu)


def _two(view: View) -> Tensor:
    """Numbers of the scenes of two objects."""
    return (view.facts.objects.sum(1) == 2).nonzero().flatten()


def _pairs(view: View) -> View | None:
    """The scenes of two objects; None where there are too few to tell anything."""
    numbers = _two(view)
    return view.select(numbers) if len(numbers) >= FEW else None


def _several(view: View) -> bool:
    """Does some scene have two objects or more?"""
    return bool((view.facts.objects.sum(1) > 1).any())


def _over_scenes(
    left: Formula, right: Formula, shared: tuple[str, ...], views: tuple[View, View], expects_more: bool
) -> float:
    """p-value over renamings of the scenes, each of which has one grounding."""
    sides = tuple(zip((left, right), views, strict=True))
    body, head = (_summed(side, shared, view).reshape(-1) > 0 for side, view in sides)
    asked, units = _asked(sides, shared).reshape(-1) > 0, views[0].facts.units
    if shared:  # a scene has one object, somewhere
        units = units.repeat_interleave(views[0].facts.objects.shape[1])
    return _drawn(body, head, asked, units, expects_more)


def _with_scenes(inside: float, formula: Formula, view: View, image: View | None, pairs: View | None) -> float:
    """The p-value from inside scenes, joined with those over scenes where a renaming of objects tells nothing."""
    sides = two_sides(formula)
    if sides is None:
        return inside
    left, right, expects_more = sides
    shared = tuple(v for v in free_variables(left) if v in free_variables(right))
    if {*free_variables(formula)} != {*shared}:
        return inside
    seen = ((left, view), (right, view if image is None else image))
    over: list[float] = []
    if len(shared) == 2 and pairs is not None:
        turned = pairs if image is None else image.select(_two(view))
        over += _over_pairs(((left, pairs), (right, turned)), shared, expects_more)
    if inside == 1 and len(view.facts) >= FEW:
        over += _over_alike(seen, shared, expects_more)
    return min(1.0, (1 + len(over)) * min(inside, *over)) if over else inside


def _over_pairs(sides: Sequence[tuple[Formula, View]], shared: tuple[str, ...], expects_more: bool) -> Iterator[float]:
    """Of scenes of two objects, if a side is symmetric: both at the first and the second, and the other way round."""
    body, head = (_summed(side, shared, view) > 0 for side, view in sides)
    asked, facts = _asked(sides, shared) > 0, sides[0][1].facts
    first, second = facts.objects.nonzero()[:, 1].reshape(-1, 2).unbind(1)
    rows = torch.arange(len(facts), device=first.device)
    one, other = (rows, first, second), (rows, second, first)
    if not any(_symmetric(side[one], side[other]) for side in (body, head)):
        return
    for place in (one, other):
        yield _drawn(body[place], head[place], asked[place], facts.units, expects_more)


def _symmetric(one: Tensor, other: Tensor) -> bool:
    """Are two orders, (B,) bool each, true together and false together?"""
    return all(
        int((left & right).sum()) >= SYMMETRIC * int((left | right).sum())
        for left, right in ((one, other), (~one, ~other))
    )


def _over_alike(sides: Sequence[tuple[Formula, View]], shared: tuple[str, ...], expects_more: bool) -> Iterator[float]:
    """Of scenes of which all say the same of all their objects on one side: both at the first that may be asked."""
    asked = (_asked(sides, shared) > 0).flatten(1)
    body, head = ((_summed(side, shared, view) > 0).flatten(1) & asked for side, view in sides)
    if any(bool((side.any(1) == (side | ~asked).all(1))[asked.any(1)].all()) for side in (body, head)):
        place = (torch.arange(len(asked), device=asked.device), asked.int().argmax(1))
        yield _drawn(body[place], head[place], asked[place], sides[0][1].facts.units, expects_more)


def _drawn(body: Tensor, head: Tensor, asked: Tensor, units: Tensor, expects_more: bool) -> float:
    """The hypergeometric tail, exactly: (K,) bool what both sides say, of which one speaks for each unit."""
    urn = asked.nonzero().flatten().cpu()
    if not len(urn):
        return 1.0
    urn = urn[np.unique(units.cpu()[urn].numpy(), return_index=True)[1]]
    body, head = body.cpu()[urn], head.cpu()[urn]
    both, mine, theirs = int((body & head).sum()), int(body.sum()), int(head.sum())
    drawn = len(urn), mine, theirs
    return float(hypergeom.sf(both - 1, *drawn) if expects_more else hypergeom.cdf(both, *drawn))


def two_sides(formula: Formula) -> tuple[Formula, Formula, bool] | None:
    """(body, head, do common groundings speak for the rule?) or None."""
    match formula:
        case Under(_, Implies(left, right) | Iff(left, right)):
            return left, right, True
        case Implies(left, Not(Atom() as right)):
            return left, right, False
        case Implies(left, right) | Iff(left, right):
            return left, right, True
        case Not(And((left, right))):
            return left, right, False
        case Or((left, right)):
            return left, right, False
        case _:
            return None


def _of_group(group: Group, view: View) -> list[Moments]:
    """The moments of every rule of a group."""
    one, other = torch.tensor(group.left_of), torch.tensor(group.right_of)
    partly = not group.predicates.isdisjoint(view.facts.valid)
    parts = []
    for batch in stacked(group, view.facts, every=partly):
        if partly:
            found = _where_asked(batch, group)
        else:
            objects = view.facts.objects[batch.scenes].sum(1)
            found = closed_form(batch.left, batch.right, everywhere(objects, group.width), (one, other))
        parts.append(_fields(found))
    joined = [torch.cat(given) for given in zip(*parts, strict=True)]
    whole = Moments(joined[0], joined[1], joined[2], joined[3])
    moments = [_each(whole, operator.itemgetter((slice(None), number))) for number in range(len(group.places))]
    if len(view.facts) >= FEW or partly:
        return moments
    light, jumps = _normal(group, view, joined[1].sum(0), joined[2].sum(0))
    return [
        replace(one, normal=normal, jump=jump)
        for one, normal, jump in zip(moments, light.tolist(), jumps.tolist(), strict=True)
    ]


def _normal(group: Group, view: View, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """(K,) bool: do drawn renamings give sums that spread as those of a normal variable do? And (K,) what the largest
    object of either side can add to one."""
    one, other = torch.tensor(group.left_of), torch.tensor(group.right_of)
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(CHECKS, len(group.places), dtype=torch.float64)
    jumps = torch.zeros(len(group.places), dtype=torch.float64)
    for batch in stacked(group, view.facts):
        hubs = torch.minimum(batch.left.described().hub[:, one], batch.right.described().hub[:, other])
        jumps = torch.maximum(jumps, hubs.amax(0))
        for draw in range(CHECKS):
            total[draw] += batch.left.times(batch.right.renamed(generator))[:, one, other].sum(0)
    deviations = (total - mean) / variance.sqrt().clamp_min(1e-9)
    return (deviations.abs().amax(0) <= FURTHEST) & (deviations.square().mean(0) >= SPREAD), jumps


def _each(moments: Moments, act: Callable[[Tensor], Tensor]) -> Moments:
    total, mean, variance, most = map(act, _fields(moments))
    return replace(moments, total=total, mean=mean, variance=variance, most=most)


def _fields(moments: Moments) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return moments.total, moments.mean, moments.variance, moments.most


def closed_form(
    body: Stack,
    head: Stack,
    places: Described,
    chosen: tuple[Tensor, Tensor] | None = None,
    *,
    irregular: bool = False,
) -> Moments:
    """Moments (B, K) of K pairs of sides, I bodies and J heads. places: those that they stand on, (B, 1) or (B, K).

    chosen: for each of the K pairs its body and its head; None = I = J = K = 1.
    """
    one, other = chosen if chosen is not None else (torch.tensor([0]), torch.tensor([0]))
    x, y = body.described(), head.described()
    return _moments(body.times(head)[:, one, other], _of(x, one), _of(y, other), places, irregular=irregular)


def _where_asked(batch: Batch, group: Group) -> Moments:
    """The same where not everything may be asked about: both sides stand on the places at which both may be.

    X and Y are 0 elsewhere, together, so that renaming all objects would take what is unknown of both for a relation.
    """
    parts = []
    step = max(1, len(group.lefts) + len(group.rights))
    for first in range(0, len(group.places), step):
        one, other = (list(many[first : first + step]) for many in (group.left_of, group.right_of))
        asked = batch.asked.take(other if len(batch.asked) == len(group.rights) else [0] * len(other))
        where = batch.valid.take(one).at(asked)
        body, head = batch.left.take(one).at(where), batch.right.take(other).at(where)
        both, x, y, places = (one.described() for one in (body.at(head), body, head, where))
        parts.append(_fields(_moments(both.whole, x, y, places, irregular=True)))
    joined = [torch.cat(given, 1) for given in zip(*parts, strict=True)]
    return Moments(joined[0], joined[1], joined[2], joined[3])


def _moments(total: Tensor, x: Described, y: Described, places: Described, *, irregular: bool) -> Moments:
    """(B, K) of K sums, each of one body and one head: what one side gives at a pattern is spread over its places.

    irregular: the places are not all pairs of some objects, so that this mean square may be too small; then facts
    placed at random say how much T varies at least.
    """
    mean = _ratio(x.whole * y.whole, places.whole)
    variance = (_ratio(x.patterns * y.patterns, places.patterns).sum(0) - mean**2).clamp_min(0)
    if irregular:
        at_random = _ratio(_about_mean(x, places) * _about_mean(y, places), places.whole - 1)
        variance = torch.maximum(variance, at_random)
    most = torch.minimum(x.whole * y.most, y.whole * x.most)
    return Moments(total, mean, variance, most)


def _about_mean(some: Described, places: Described) -> Tensor:
    """(B, K) sum over the places of squared deviations from the mean."""
    return (some.patterns[0] - _ratio(some.whole**2, places.whole)).clamp_min(0)


def _of(some: Described, chosen: Tensor) -> Described:
    return Described(some.whole[:, chosen], some.patterns[:, :, chosen], some.most[:, chosen], some.hub[:, chosen])


def everywhere(objects: Tensor, width: int) -> Described:
    """All places of a vector over n objects, or of a matrix without diagonal. objects: (B,) number of real ones."""
    n = objects.cpu().double()[:, None]
    pairs = n * (n - 1)
    if width == 1:
        return Described(n, torch.stack([n, pairs]), torch.ones_like(n), torch.ones_like(n))
    triples = pairs * (n - 2)
    found = torch.stack([pairs, pairs, triples, triples, triples, triples, triples * (n - 3)])
    return Described(pairs, found, torch.ones_like(n), 2 * (n - 1))


def _asked(sides: Sequence[tuple[Formula, View]], shared: tuple[str, ...]) -> Tensor:
    """(B, N) or (B, N, N) float64, 0 or 1: where sides over just the shared variables may be asked about."""
    view = sides[0][1]
    asked = view.groundings(len(shared))
    for side, seen in sides:
        if set(free_variables(side)) == set(shared):
            asked = asked & seen.askable(side, shared)
    return asked.double()


def _summed(side: Formula, shared: tuple[str, ...], view: View) -> Tensor:
    """(B, N) or (B, N, N) float64: number of true groundings of a side by the objects of the shared variables."""
    variables = (*shared, *(v for v in free_variables(side) if v not in shared))
    allowed = view.askable(side, variables) & view.groundings(len(variables))
    holds = truth(side, variables, view) & allowed
    axes = tuple(range(1 + len(shared), 1 + len(variables)))
    return (holds.sum(axes) if axes else holds).double()


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """above / below, and 0 where there is nothing to divide by (too few objects for the pattern)."""
    return torch.where(below > 0, above / below.clamp_min(1), torch.zeros_like(above))
