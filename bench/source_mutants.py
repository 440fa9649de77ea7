# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Small faults put into Python source, one at a time: what mutation testing tries."""

from __future__ import annotations

import ast
import copy
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

_BOUNDARIES: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault.  `function` is the path of the function that it is in, empty where it is in none that can be swapped.

    A function within another, a default and a module's own lines take effect on import.
    """

    module: str
    line: int
    operator: str
    function: str
    source: str
    original: str

    @property
    def key(self) -> str:
        """Name it, also after other modules have changed."""
        return sha256(f"{self.module}\0{self.source}".encode()).hexdigest()[:16]

    @property
    def diff(self) -> str:
        """The lines that differ."""
        lines = difflib.unified_diff(
            self.original.splitlines(), self.source.splitlines(), n=0, lineterm=""
        )
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def mutants(source: str, module: str) -> list[Mutant]:
    """Return every fault of a module, in the order of its lines."""
    finder = _Finder(source, module)
    finder.visit(ast.parse(source))
    by_key = {mutant.key: mutant for mutant in finder.found if mutant.source != source}
    return sorted(by_key.values(), key=lambda mutant: mutant.line)


class _Finder(ast.NodeVisitor):
    """Walks the source.  Left out are docstrings, annotations, assertions and what is said to people."""

    def __init__(self, source: str, module: str) -> None:
        self.found: list[Mutant] = []
        self._source, self._module = source, module
        self._lines = [line.encode() for line in source.splitlines(keepends=True)]
        self._path: list[str] = []
        self._functions = 0

    # Where it is

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._path.append(node.name)
        self._functions += 1
        for statement in node.body:
            self.visit(statement)
        self._functions -= 1
        self._path.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._path.append(node.name)
        for statement in (*node.decorator_list, *node.body):
            self.visit(statement)
        self._path.pop()

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._functions += 2
        self.generic_visit(node)
        self._functions -= 2

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._removed_assignment(node, node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Leave it: it only says what cannot be otherwise."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave it: it is said to people."""

    # What can be wrong

    def visit_Compare(self, node: ast.Compare) -> None:
        for index, operator in enumerate(node.ops):
            for other in _BOUNDARIES.get(type(operator), ()):
                changed = copy.deepcopy(node)
                changed.ops[index] = other()
                self._put(node, changed, "comparison")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        changed = copy.deepcopy(node)
        changed.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        self._put(node, changed, "and/or")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub):
            self._put(node, node.operand, "sign")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        other = _ARITHMETIC.get(type(node.op))
        if other is not None:
            changed = copy.deepcopy(node)
            changed.op = other()
            self._put(node, changed, "arithmetic")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        other = _ARITHMETIC.get(type(node.op))
        if other is not None:
            changed = copy.deepcopy(node)
            changed.op = other()
            self._put(node, changed, "arithmetic", brackets=False)
        self._put(node, ast.Pass(), "statement left out", brackets=False)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._put(node, ast.Constant(not value), "constant")
        elif isinstance(value, int | float):
            for other in (value + 1, value - 1):
                self._put(node, ast.Constant(other), "constant")

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in _CALLS:
            changed = copy.deepcopy(node)
            changed.func = ast.Name(_CALLS[node.func.id])
            self._put(node, changed, "call")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self._negated(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._put(node.test, ast.Constant(value=False), "condition")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negated(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self._put(condition, ast.Constant(value=True), "condition")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not _is_none(node.value):
            self._put(node.value, ast.Constant(None), "result")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        self._put(node, ast.Pass(), "statement left out", brackets=False)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._removed_assignment(node, node.targets[0])
        self.generic_visit(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._put(node, ast.Pass(), "statement left out", brackets=False)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._put(node, ast.Pass(), "statement left out", brackets=False)

    def _removed_assignment(self, node: ast.Assign | ast.AnnAssign, target: ast.expr) -> None:
        """Leave out what is remembered; without a local variable it could not even run."""
        if isinstance(target, ast.Attribute | ast.Subscript) and self._functions:
            self._put(node, ast.Pass(), "statement left out", brackets=False)

    def _negated(self, test: ast.expr) -> None:
        self._put(test, ast.UnaryOp(ast.Not(), test), "condition")

    def _put(
        self,
        node: ast.expr | ast.stmt,
        changed: ast.expr | ast.stmt,
        operator: str,
        *,
        brackets: bool = True,
    ) -> None:
        text = ast.unparse(ast.fix_missing_locations(changed))
        if brackets:
            text = f"({text})"
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        before = b"".join(self._lines[:first]) + self._lines[first][: node.col_offset]
        after = self._lines[last][node.end_col_offset :] + b"".join(self._lines[last + 1 :])
        self.found.append(
            Mutant(
                module=self._module,
                line=node.lineno,
                operator=operator,
                function=".".join(self._path) if self._functions == 1 else "",
                source=(before + text.encode() + after).decode(),
                original=self._source,
            )
        )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


Codes = Iterator[tuple[str, object]]


def codes(code: object, path: str = "") -> Codes:
    """Yield the code of every function of a module with its path, as `Mutant.function` names it."""
    constants: Callable[[object], tuple[object, ...]] = lambda one: getattr(one, "co_consts", ())  # noqa: E731
    for constant in constants(code):
        name = getattr(constant, "co_name", None)
        if isinstance(name, str):
            inner = f"{path}.{name}" if path else name
            yield inner, constant
            yield from codes(constant, inner)
