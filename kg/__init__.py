"""The symbolic half of rulekd: what a rule is, without tensors.

Layer: the lowest. ``kg`` imports no other package of this project and never torch, so that a person can open, check and
edit a knowledge graph at once on any machine. Solvers and parsers load when they are first used.

>>> rule = parse("left_of(a, b) -> right_of(b, a)")
>>> str(rule)
'left_of(a, b) -> right_of(b, a)'
"""

from kg.errors import (
    ArityError,
    ContradictionError,
    FileFormatError,
    FormulaError,
    ParseError,
    RulekdError,
    UnknownNameError,
)
from kg.formulas import (
    And,
    Arithmetic,
    AtMostOne,
    Atom,
    Compare,
    ExactlyOne,
    Exists,
    Feature,
    ForAll,
    Formula,
    Function,
    Iff,
    Implies,
    Negative,
    Not,
    Number,
    Or,
    Quantity,
    Same,
    Term,
    Transform,
    Under,
)
from kg.normal import canonical, clauses, explicit_distinctness, free_variables, live, negation_normal
from kg.objects import Object
from kg.predicates import Predicate, Vocabulary
from kg.terms import TERMS, GeometricTerm
from kg.text import parse, parse_term, parse_transform

__all__ = [
    "TERMS",
    "And",
    "Arithmetic",
    "ArityError",
    "AtMostOne",
    "Atom",
    "Compare",
    "ContradictionError",
    "ExactlyOne",
    "Exists",
    "Feature",
    "FileFormatError",
    "ForAll",
    "Formula",
    "FormulaError",
    "Function",
    "GeometricTerm",
    "Iff",
    "Implies",
    "Negative",
    "Not",
    "Number",
    "Object",
    "Or",
    "ParseError",
    "Predicate",
    "Quantity",
    "RulekdError",
    "Same",
    "Term",
    "Transform",
    "Under",
    "UnknownNameError",
    "Vocabulary",
    "canonical",
    "clauses",
    "explicit_distinctness",
    "free_variables",
    "live",
    "negation_normal",
    "parse",
    "parse_term",
    "parse_transform",
]
