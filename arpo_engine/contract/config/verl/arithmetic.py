"""Whole-number arithmetic of a shell, as `$((…))` and `((X = …))` have it, by a grammar. Nothing is evaluated as code.

Knows numbers and names; knows no quoting and no commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_EXPRESSION = 1_000
"""Longest expression (characters), which also bounds how deeply it is nested."""
_WORD = 2**63
_TOKEN = re.compile(r"\s*(?:(0[xX][0-9a-fA-F]+|\d+)|\$?\{?([A-Za-z_]\w*)\}?|(\*\*|[-+*/%()]))")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*)\s*([-+*/%]?)=(?!=)")
_DEEPEST = 40


class ArithmeticProblem(ValueError):
    """An expression has no value here; the text says why."""


def split_assignment(expression: str) -> tuple[str, str] | None:
    """`X = e` or `X += e` as (name, expression of the new value); None when nothing is assigned."""
    found = _ASSIGNMENT.match(expression)
    if found is None:
        return None
    name, operator, rest = found[1], found[2], expression[found.end() :]
    return name, f"{name} {operator} ({rest})" if operator else rest


def calculate(expression: str, lookup: Callable[[str], str]) -> int:
    """The value of an expression of + - * / % ** and parentheses; division rounds towards zero.

    `lookup` gives a variable's text.

    Raises:
        ArithmeticProblem: a name has no whole number, a division by zero, a number beyond 64 bits, or another grammar.
    """
    if len(expression) > MAX_EXPRESSION:
        raise ArithmeticProblem(f"an expression of {len(expression)} characters; write the number itself")
    parser = _Parser(_tokens(expression), lookup)
    value = parser.sum(0)
    if parser.here is not None:
        raise ArithmeticProblem(f"{parser.here!r} in {expression.strip()!r} is not read here; write the number itself")
    return value


def _tokens(expression: str) -> list[str]:
    found, at = [], 0
    text = expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ArithmeticProblem(
                f"{text[at:].strip()[:20]!r} in {text.strip()[:60]!r} is not whole-number arithmetic; write the number"
            )
        found.append(match[1] or match[2] or match[3])
        at = match.end()
    return found


class _Parser:
    """Recursive descent over the tokens; `sum > product > power > unary > atom`."""

    def __init__(self, tokens: list[str], lookup: Callable[[str], str]) -> None:
        self._tokens = tokens
        self._lookup = lookup
        self._at = 0

    @property
    def here(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        token = self.here
        if token is None:
            raise ArithmeticProblem("the expression ends too early; write the number itself")
        self._at += 1
        return token

    def sum(self, depth: int) -> int:
        if depth > _DEEPEST:
            raise ArithmeticProblem(f"more than {_DEEPEST} parentheses inside each other; write the number itself")
        value = self._product(depth)
        while self.here in ("+", "-"):
            sign = 1 if self._take() == "+" else -1
            value = _bounded(value + sign * self._product(depth))
        return value

    def _product(self, depth: int) -> int:
        value = self._power(depth)
        while self.here in ("*", "/", "%"):
            operator, other = self._take(), self._power(depth)
            value = _bounded(value * other if operator == "*" else _divided(operator, value, other))
        return value

    def _power(self, depth: int) -> int:
        value = self._unary(depth)
        if self.here == "**":
            self._take()
            exponent = self._unary(depth)
            if not 0 <= exponent <= 64:
                raise ArithmeticProblem(f"an exponent of {exponent}; use 0 to 64")
            value = _bounded(value**exponent)
        return value

    def _unary(self, depth: int) -> int:
        sign = 1
        while self.here in ("+", "-"):
            sign = -sign if self._take() == "-" else sign
        return sign * self._atom(depth)

    def _atom(self, depth: int) -> int:
        token = self._take()
        if token == "(":
            value = self.sum(depth + 1)
            if self.here != ")":
                raise ArithmeticProblem("a parenthesis is not closed; close it")
            self._take()
            return value
        return _number(token, self._lookup)


def _number(token: str, lookup: Callable[[str], str]) -> int:
    text = token if token[0].isdigit() else lookup(token).strip()
    if re.fullmatch(r"-?(0[xX][0-9a-fA-F]{1,16}|\d{1,19})", text) is None:
        shown = token if text == token else f"{token}={text[:30]!r}"
        raise ArithmeticProblem(f"{shown} is not a whole number; a shell counts with whole numbers only")
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    if len(digits) > 1 and digits[0] == "0" and digits[1] not in "xX":
        base = 8
        if any(digit in "89" for digit in digits):
            raise ArithmeticProblem(f"{text} begins with 0, so a shell reads it to the base 8; leave the 0 out")
    else:
        base = 16 if digits[:2] in ("0x", "0X") else 10
    return _bounded(sign * int(digits, base))


def _divided(operator: str, value: int, other: int) -> int:
    if other == 0:
        raise ArithmeticProblem(f"{value} {operator} 0 divides by zero; mend the expression")
    quotient = abs(value) // abs(other) * (1 if (value < 0) == (other < 0) else -1)
    return quotient if operator == "/" else value - other * quotient


def _bounded(value: int) -> int:
    if not -_WORD <= value < _WORD:
        raise ArithmeticProblem("a number beyond 64 bits; use smaller numbers")
    return value
