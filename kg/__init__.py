"""The symbolic half of rulekd: what a rule is, without tensors.

Layer: the lowest. ``kg`` imports no other package of this project and never torch, so that a person can open, check and
edit a knowledge graph at once on any machine. Solvers and parsers load when they are first used.

>>> rule = parse("left_of(a, b) -> right_of(b, a)")
>>> str(rule)
'left_of(a, b) -> right_of(b, a)'
"""

from kg.definitions import Choice, Definition, Threshold
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
    Word,
)
from kg.graph import KnowledgeGraph
from kg.normal import canonical, clauses, explicit_distinctness, free_variables, live, negation_normal
from kg.objects import Object
from kg.predicates import Predicate, Vocabulary
from kg.reasoning import contradiction, entails, minimal_cover
from kg.rules import (
    Citation,
    Counterexample,
    Evidence,
    Hunt,
    Kind,
    Ledger,
    Probe,
    Probes,
    Provenance,
    Rule,
    Status,
    Tried,
    Verdict,
    in_words,
    name_of,
)
from kg.terms import TERMS, GeometricTerm
from kg.text import parse, parse_term, parse_transform
from kg.triples import Triple
from kg.worlds import Count, World, count, holds

__all__ = [
    "TERMS",
    "And",
    "Arithmetic",
    "ArityError",
    "AtMostOne",
    "Atom",
    "Choice",
    "Citation",
    "Compare",
    "ContradictionError",
    "Count",
    "Counterexample",
    "Definition",
    "Evidence",
    "ExactlyOne",
    "Exists",
    "Feature",
    "FileFormatError",
    "ForAll",
    "Formula",
    "FormulaError",
    "Function",
    "GeometricTerm",
    "Hunt",
    "Iff",
    "Implies",
    "Kind",
    "KnowledgeGraph",
    "Ledger",
    "Negative",
    "Not",
    "Number",
    "Object",
    "Or",
    "ParseError",
    "Predicate",
    "Probe",
    "Probes",
    "Provenance",
    "Quantity",
    "Rule",
    "RulekdError",
    "Same",
    "Status",
    "Term",
    "Threshold",
    "Transform",
    "Tried",
    "Triple",
    "Under",
    "UnknownNameError",
    "Verdict",
    "Vocabulary",
    "Word",
    "World",
    "canonical",
    "clauses",
    "contradiction",
    "count",
    "entails",
    "explicit_distinctness",
    "free_variables",
    "holds",
    "in_words",
    "live",
    "minimal_cover",
    "name_of",
    "negation_normal",
    "parse",
    "parse_term",
    "parse_transform",
]
