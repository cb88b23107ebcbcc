"""Rule text to formulas: several spellings are read, one is printed, and ``parse(str(formula)) == formula``.

The grammar stands in ``grammar.lark`` beside this file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from kg.errors import FormulaError, ParseError, RulekdError
from kg.formulas import (
    MAX_DEPTH,
    And,
    Arithmetic,
    AtMostOne,
    Atom,
    Compare,
    Comparison,
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
from kg.messages import did_you_mean, excerpt, expectation, listed, no_number
from kg.predicates import RESERVED, Vocabulary
from kg.terms import TERMS

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

MAX_TEXT: Final = 100_000

_SIGNS: Final[dict[str, Comparison]] = {
    "<": "<", "<=": "<=", "≤": "<=", ">": ">", ">=": ">=", "≥": ">=", "=": "=", "==": "=", "!=": "!=", "≠": "!=",
}  # fmt: skip


def parse(text: str, vocabulary: Vocabulary | None = None) -> Formula:
    """The formula that a rule text says.

    vocabulary: when given, every predicate must be one of its own, with its arity, and every term of two or
    more objects a known geometric one; otherwise only the syntax is checked.

    Raises ParseError with line, column, a caret under the place and the nearest name.

    >>> rule = parse("left_of(a, b) and left_of(b, c) => left_of(a, c)   # read with any arrow")
    >>> print(rule)
    left_of(a, b) & left_of(b, c) -> left_of(a, c)
    >>> parse(str(rule)) == rule
    True
    >>> parse("a != b") == Not(Same("a", "b"))
    True
    >>> print(parse("fragile(a) :- glass(a)"))
    glass(a) -> fragile(a)
    >>> parse("lef_of(a, b)", Vocabulary({"left_of": 2}))
    Traceback (most recent call last):
    kg.errors.ParseError: line 1, column 1: unknown predicate 'lef_of'
        lef_of(a, b)
        ^
    Did you mean 'left_of'?
    """
    reader = _Reader(text, vocabulary)
    return reader.formula(reader.tree("formula").children[0])


def parse_term(text: str) -> Term:
    """The arithmetic term that a text says.

    >>> print(parse_term("(width(a)+width(b))/2"))
    (width(a) + width(b)) / 2
    """
    reader = _Reader(text, None)
    return reader.term(reader.tree("term").children[0])


def parse_transform(text: str) -> Transform:
    """The transform that a text says.

    >>> parse_transform("rotate_z(90 deg)")
    Transform(name='rotate_z', arguments=(Quantity(value=90.0, unit='deg'),))
    """
    reader = _Reader(text, None)
    return reader.transform(reader.tree("transform"))


@cache
def _parser() -> Lark:
    # Imported here: lark and its tables take longer to load than all of kg, which must import at once.
    from lark import Lark

    grammar = files("kg").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        start=["formula", "term", "transform"],
        propagate_positions=True,
        maybe_placeholders=False,
    )


Node = Any  # a lark Tree or Token; lark types the children of a tree as their union with None


class _Reader:
    """One text on its way to a formula: knows where each piece stands, so that errors can point."""

    def __init__(self, text: str, vocabulary: Vocabulary | None) -> None:
        if not isinstance(text, str):
            raise FormulaError(f"a rule text is given as {type(text).__name__}: {text!r:.80}", hint="Give a string.")
        self.text = text
        self.vocabulary = vocabulary

    # ------------------------------------------------------------------ from text to a syntax tree

    def tree(self, start: str) -> Tree[Token]:
        if len(self.text) > MAX_TEXT:
            raise ParseError(
                f"the rule text has {len(self.text):,} characters; at most {MAX_TEXT:,} are read",
                line=1,
                column=1,
                hint="Give one rule a text.",
            )
        self._check_parentheses()
        parser = _parser()
        from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken  # lazy, as in _parser

        try:
            tree = parser.parse(self.text, start=start)
        except UnexpectedToken as error:
            raise self._unexpected(error.token, error.accepts or error.expected, error.token_history) from None
        except UnexpectedCharacters as error:
            sign = self.text[error.pos_in_stream or 0]
            raise self._error(f"unexpected character {sign!r}", error.line, error.column) from None
        except UnexpectedInput as error:  # pragma: no cover - lark raises one of the two above
            raise self._error("this cannot be read", error.line, error.column) from None
        self._check_depth(tree)
        return tree

    def _check_parentheses(self) -> None:
        depth = 0
        for match in re.finditer(r'"(?:\\.|[^"\\\n])*"|#[^\n]*|[()]', self.text):
            depth += {"(": 1, ")": -1}.get(match.group(), 0)
            if depth > MAX_DEPTH:
                raise self._error(
                    f"parentheses are nested over {MAX_DEPTH} levels deep",
                    *self._place(match.start()),
                    hint="Split it.",
                )

    def _check_depth(self, tree: Tree[Token]) -> None:
        """Refuse what would recurse too deep below: formulas and parentheses nest at most MAX_DEPTH levels each."""
        level: list[Node] = [tree]
        for _ in range(2 * MAX_DEPTH + 5):
            level = [child for node in level for child in getattr(node, "children", ())]
            if not level:
                return
        place = level[0].meta if hasattr(level[0], "meta") else level[0]
        raise self._error(
            f"the formula is nested over {MAX_DEPTH} levels deep",
            getattr(place, "line", 1),
            getattr(place, "column", 1),
            hint="Split it into rules.",
        )

    # -------------------------------------------------------------------- from a tree to a formula

    def formula(self, node: Node) -> Formula:
        try:
            return self._formula(node)
        except ParseError:
            raise
        except RulekdError as error:  # a constructor refused it: say where
            raise self._at(node, error.message, hint=error.hint) from None

    def _formula(self, node: Node) -> Formula:
        inside = node.children
        match node.data:
            case "group":
                return self.formula(inside[0])
            case "iff":
                return Iff(self.formula(inside[0]), self.formula(inside[2]))
            case "implies":
                return Implies(self.formula(inside[0]), self.formula(inside[2]))
            case "head_first":
                return Implies(self.formula(inside[2]), self.formula(inside[0]))
            case "or_":
                return Or(tuple(self.formula(part) for part in inside[::2]))
            case "and_":
                return And(tuple(self.formula(part) for part in inside[::2]))
            case "not_":
                return Not(self.formula(inside[1]))
            case "forall":
                return ForAll(self._names(inside[1]), self.formula(inside[2]))
            case "exists":
                return Exists(self._names(inside[1]), self.formula(inside[2]))
            case "under":
                return self._under(node)
            case "compare":
                return self._compare(node)
            case "call":
                return self._atom(node)
            case "variable":
                raise self._at(
                    node,
                    f"{str(inside[0])!r} is a variable where a formula should stand",
                    hint=f"A fact about the whole scene is written {inside[0]}().",
                )
            case "word":
                raise self._at(
                    node, "a word stands where a formula should", hint="Compare it, as in 'shape(a) = \"cube\"'."
                )
            case _:
                raise self._at(node, "a number stands where a formula should", hint="Compare it, as in 'x(a) < x(b)'.")

    def _under(self, node: Node) -> Formula:
        transform = self.transform(node.children[1])
        law = self.formula(node.children[2])
        if not isinstance(law, Implies | Iff):
            raise self._at(
                node.children[2],
                f"'under {transform}' is followed by a formula without two sides",
                hint="Write 'under T: p <-> q' or 'under T: p -> q': left in the scene, right in its image.",
            )
        return Under(transform, law)

    def _compare(self, node: Node) -> Formula:
        left, sign, right = node.children
        left, right = _bare(left), _bare(right)
        operator = _SIGNS[str(sign)]
        if left.data == "compare":
            raise self._at(sign, "comparisons do not chain", hint="Write 'a < b & b < c' for 'a < b < c'.")
        if left.data == "variable" and right.data == "variable":
            if operator not in ("=", "!="):
                raise self._at(
                    node,
                    f"'{left.children[0]} {operator} {right.children[0]}' compares objects, which have no order",
                    hint="Compare numbers read off them, as in 'x(a) < x(b)'.",
                )
            same = self._same(node, left, right)
            return same if operator == "=" else Not(same)
        for one, other in ((left, right), (right, left)):
            if one.data == "variable" and other.data == "call" and operator in ("=", "!="):
                message, hint = no_number(str(one.children[0]), self.text[other.meta.start_pos : other.meta.end_pos])
                raise self._at(one, message, hint=hint)
        return Compare(operator, self.term(left), self.term(right))

    def _same(self, node: Node, left: Node, right: Node) -> Same:
        try:
            return Same(str(left.children[0]), str(right.children[0]))
        except RulekdError as error:
            raise self._at(node, error.message, hint=error.hint) from None

    def _atom(self, node: Node) -> Formula:
        name = str(node.children[0])
        if name == "exactly_one":
            return ExactlyOne(tuple(self.formula(part) for part in node.children[1:]))
        if name == "at_most_one":
            return AtMostOne(tuple(self.formula(part) for part in node.children[1:]))
        if name in ("min", "max", "abs"):
            raise self._at(node, f"{name}(...) is a number where a formula should stand", hint="Compare it.")
        atom = Atom(name, self._variables(node))
        if self.vocabulary is None:
            return atom
        predicate = self.vocabulary.get(name)
        if predicate is None:
            hint = did_you_mean(name, (*self.vocabulary, *RESERVED))
            if name in TERMS:
                hint = f"{name!r} is a term; compare it, as in '{atom} > 0'."
            raise self._at(node, f"unknown predicate {name!r}", hint=hint or f"Known: {listed(self.vocabulary)}.")
        if predicate.arity != len(atom.arguments):
            raise self._at(
                node, f"predicate {name!r} takes {predicate.arity} arguments and is given {len(atom.arguments)}"
            )
        return atom

    def term(self, node: Node) -> Term:
        try:
            return self._term(node)
        except ParseError:
            raise
        except RulekdError as error:
            raise self._at(node, error.message, hint=error.hint) from None

    def _term(self, node: Node) -> Term:
        inside = node.children
        match node.data:
            case "group":
                return self.term(inside[0])
            case "number":
                return Number(float(inside[0]))
            case "word":
                return self._word(node)
            case "minus":
                if inside[0] == "+":
                    return self.term(inside[1])
                if inside[1].data == "number":  # '-3' is a number; '-(3)' is minus a number
                    return Number(-float(inside[1].children[0]))
                return Negative(self.term(inside[1]))
            case "arithmetic":
                return Arithmetic(inside[1].value, self.term(inside[0]), self.term(inside[2]))
            case "call":
                return self._feature(node)
            case "variable":
                message, hint = no_number(str(inside[0]), "")
                raise self._at(node, message, hint=hint)
            case _:
                raise self._at(node, "a formula stands where a number should", hint="Compare numbers only.")

    def _word(self, node: Node) -> Word:
        try:
            return Word(json.loads(str(node.children[0]), strict=False))
        except ValueError:
            raise self._at(
                node, f"the word {node.children[0]!s:.60} cannot be read", hint='Write \\" and \\\\ for " and \\.'
            ) from None

    def _feature(self, node: Node) -> Term:
        name = str(node.children[0])
        match name:
            case "min" | "max" | "abs":
                return Function(name, tuple(self.term(part) for part in node.children[1:]))
            case _:
                feature = Feature(name, self._variables(node))
        if self.vocabulary is not None:
            self._check_feature(node, feature)
        return feature

    def _check_feature(self, node: Node, feature: Feature) -> None:
        name, given = feature.name, len(feature.arguments)
        if self.vocabulary is not None and name in self.vocabulary and name not in TERMS:
            raise self._at(node, f"{name!r} is a predicate, and a number is needed here")
        # One object: any other name is an attribute of it. None: a number of the scene.
        if name in TERMS and given != TERMS[name].arity and given > 0:
            raise self._at(node, f"term {name!r} takes {TERMS[name].arity} arguments and is given {given}")
        if name not in TERMS and given > 1:
            pairs = [known for known, term in TERMS.items() if term.arity == given]
            raise self._at(
                node,
                f"unknown term {name!r} of {given} objects",
                hint=did_you_mean(name, pairs) or f"Known: {listed(pairs)}.",
            )

    def transform(self, node: Node) -> Transform:
        name, *quantities = node.children
        try:
            return Transform(str(name), tuple(self._quantity(quantity) for quantity in quantities))
        except ParseError:
            raise
        except RulekdError as error:
            raise self._at(node, error.message, hint=error.hint) from None

    def _quantity(self, node: Node) -> Quantity:
        sign, value, unit = 1.0, 0.0, ""
        for token in node.children:
            match token.type:
                case "SIGN":
                    sign = -1.0 if token == "-" else 1.0
                case "NUMBER":
                    value = float(token)
                case _:
                    unit = str(token)
        match unit:
            case "" | "deg" | "rad" | "m":
                return Quantity(sign * value, unit)
            case _:
                raise self._at(node, f"unknown unit {unit!r}", hint="Use deg, rad, m, or no unit.")

    def _names(self, node: Node) -> tuple[str, ...]:
        return tuple(str(token) for token in node.children)

    def _variables(self, node: Node) -> tuple[str, ...]:
        name, *arguments = node.children
        for place, argument in enumerate(arguments, start=1):
            if argument.data != "variable":
                raise self._at(
                    argument,
                    f"argument {place} of {str(name)!r} is not a variable",
                    hint=did_you_mean(str(name), RESERVED) or "Predicates and terms take variables, as in 'on(a, b)'.",
                )
        return tuple(str(argument.children[0]) for argument in arguments)

    # -------------------------------------------------------------------------------------- errors

    def _place(self, index: int) -> tuple[int, int]:
        before = self.text[:index]
        return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1

    def _at(self, node: Node, message: str, *, hint: str = "") -> ParseError:
        place = node.meta if hasattr(node, "meta") else node
        return self._error(message, place.line, place.column, hint=hint)

    def _error(self, message: str, line: int, column: int, *, hint: str = "") -> ParseError:
        return ParseError(
            f"line {line}, column {column}: {message}\n{excerpt(self.text, line, column)}",
            line=line,
            column=column,
            hint=hint,
        )

    def _unexpected(self, token: Token, expected: Iterable[str], history: list[Token] | None) -> ParseError:
        wanted = expectation(frozenset(expected))
        before = history[-1] if history else None
        hint = ""
        if token == ">" and before == "-" and before.end_pos == token.start_pos:
            # an arrow, read as a minus because no arrow can stand here
            return self._error("unexpected '->'; expected a formula", before.line or 1, before.column or 1)
        if before is not None and before.type == "NAME":
            hint = did_you_mean(str(before), RESERVED)
        if not hint and token.type == "NAME":
            hint = did_you_mean(str(token), RESERVED)
        if not hint and token.type == "COMMA":
            hint = "Join conditions with '&'."
        if token.type == "$END":
            written = re.sub(r"#[^\n]*", lambda comment: " " * len(comment.group()), self.text).rstrip()
            if not written:
                return self._error("the rule text is empty", 1, 1, hint="Write a rule, such as 'p(a, b) -> p(b, a)'.")
            return self._error(f"the text ends where {wanted} should follow", *self._place(len(written)), hint=hint)
        return self._error(
            f"unexpected {str(token)[:40]!r}; expected {wanted}", token.line or 1, token.column or 1, hint=hint
        )


def _bare(node: Node) -> Node:
    """The node without parentheses around a lone variable: ``(a) = b`` is ``a = b``."""
    inner = node
    while inner.data == "group":
        inner = inner.children[0]
    return inner if inner.data in ("variable", "compare") else node
