"""Weighted sums of several attributes: what a network that adds up evidence from all of a row goes by.

    w_1 f_1(a) + w_2 f_2(a) + ... >= t

A logistic regression on all standardised attributes is thinned out: the attribute with the least weight is dropped,
the rest is fitted anew, and so on. The last weights are rounded to three digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from kg.formulas import Arithmetic, Negative, Number, Term
from rulekd.extraction.fitting.columns import Base, Column, Values
from rulekd.extraction.fitting.disjunctions import Bools

#: Numbers of terms that are offered.
TERMS = (3, 4, 6, 8, 10)

#: Inverse strength of the ridge penalty: weak, and enough for a solution where both kinds can be told apart.
STRENGTH = 10.0


def weighted_sums(found: Sequence[Base], truth: Bools, searched: NDArray[np.int64]) -> Iterator[Column]:
    """A column for each number of terms. truth: (n,) at the sites of the bases; searched: sites to fit on."""
    if len(found) < min(TERMS) or len(set(truth[searched].tolist())) < 2:
        return
    values = np.stack([one.values for one in found], axis=1)
    spread = np.maximum(values[searched].std(0), 1e-12)
    scaled = (values[searched] - values[searched].mean(0)) / spread
    wanted = truth[searched]
    kept = np.arange(len(found))
    while len(kept) >= min(TERMS):
        model = LogisticRegression(C=STRENGTH, max_iter=1000, class_weight="balanced")
        weights = model.fit(scaled[:, kept], wanted).coef_[0]
        if len(kept) in TERMS:
            yield _summed([found[place] for place in kept.tolist()], weights / spread[kept])
        kept = np.delete(kept, np.abs(weights).argmin())


def _summed(terms: Sequence[Base], weights: Values) -> Column:
    """The sum as one number, in units of its weightiest term."""
    order = np.argsort(-np.abs(weights * np.array([one.values.std() for one in terms])))
    unit = abs(float(weights[order[0]]))
    made: Term | None = None
    values = np.zeros(len(terms[0].values))
    for place in order:
        weight = float(f"{weights[place] / unit:.3g}")
        term: Term = terms[place].term
        if abs(weight) != 1:
            term = Arithmetic("*", Number(abs(weight)), term)
        if made is None:
            made = term if weight > 0 else Negative(term)
        else:
            made = Arithmetic("+" if weight > 0 else "-", made, term)
        values = values + weight * terms[place].values
    assert made is not None
    return Column("single", made, None, values, 2 * len(terms), "")
