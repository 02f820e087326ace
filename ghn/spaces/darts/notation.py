"""Members of the DARTS space as other tools write them: compact genotypes, choices of NNI, and files of genotypes.

Source: github.com/automl/NASLib, search_spaces/nasbench301/conversions.py (compact, after Li & Talwalkar, UAI 2019, and
BANANAS); github.com/microsoft/nni, nas/hub/pytorch/nasnet.py (choices); github.com/quark0/darts, cnn/genotypes.py.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ghn.errors import ArchitectureError
from ghn.spaces.darts.genotype import CELLS, NODES, OPERATIONS, Genotype, Pairs, genotype, pairs_of, pairs_of_call
from ghn.spaces.literals import as_lists, is_count

HALF = 2 * len(NODES)  # pairs a cell
LONGEST_FILE = 1 << 20  # characters


def pairs_of_compact(value: Any) -> Pairs:
    """Reads a compact genotype: for both cells eight pairs (source, number of the operation).

    Raises:
        ArchitectureError: not of this form; says where. Whether sources are members' is not looked at.
    """
    cells = as_lists(value)
    if not isinstance(cells, list) or len(cells) != len(CELLS) or any(not _is_half(cell) for cell in cells):
        got = str(value)[:100]
        raise _refused("compact genotype", got, f"two cells of {HALF} pairs (source, operation's number)")
    pairs: Pairs = []
    for name, cell in zip(CELLS, cells, strict=True):
        for k, pair in enumerate(cell):
            if not isinstance(pair, list) or len(pair) != 2 or not is_count(pair[0], max(NODES)):
                raise _refused(f"compact genotype: pair {k} of the {name} cell", str(pair)[:60], "(source, operation)")
            if not is_count(pair[1], len(OPERATIONS)):
                named = ", ".join(f"{i}: {op}" for i, op in enumerate(OPERATIONS))
                what = f"compact genotype: operation of pair {k} of the {name} cell"
                raise _refused(what, str(pair[1])[:60], f"{named}; lists that begin with none count one higher")
            pairs.append((OPERATIONS[pair[1]], pair[0]))
    return pairs


def compact_of(pairs: Pairs) -> tuple[tuple[tuple[int, int], ...], ...]:
    """The compact genotype of pairs."""
    numbered = [(source, OPERATIONS.index(op)) for op, source in pairs]
    return tuple(numbered[:HALF]), tuple(numbered[HALF:])


def is_nni(choices: Mapping[str, Any]) -> bool:
    """Whether an object has keys of NNI's choices."""
    return any(str(key).startswith(tuple(f"{cell}/" for cell in CELLS)) for key in choices)


def pairs_of_choices(choices: Any) -> Pairs:
    """Reads NNI's choices: `normal/op_2_0: sep_conv_3x3`, `normal/input_2_0: 0`, ...; others may be there.

    Raises:
        ArchitectureError: names the key that is missing or wrong.
    """
    if not isinstance(choices, Mapping):
        raise _refused("NNI choices", type(choices).__name__, "a dict such as {'normal/op_2_0': 'sep_conv_3x3', ...}")
    pairs: Pairs = []
    for cell in CELLS:
        for node in NODES:
            for k in range(2):
                op, source = choices.get(f"{cell}/op_{node}_{k}"), choices.get(f"{cell}/input_{node}_{k}")
                if op not in OPERATIONS:
                    raise _refused(f"NNI choices: {cell}/op_{node}_{k}", _got(op), " | ".join(OPERATIONS))
                source = source[0] if isinstance(source, list | tuple) and len(source) == 1 else source
                if not is_count(source, node):
                    expected = f"the number of an earlier value, 0 to {node - 1}"
                    raise _refused(f"NNI choices: {cell}/input_{node}_{k}", _got(source), expected)
                pairs.append((str(op), int(source)))  # type: ignore[arg-type]  # a count, as was seen
            if pairs[-1][1] == pairs[-2][1]:
                what, got = f"NNI choices: node {node} of the {cell} cell", f"twice the input {pairs[-1][1]}"
                raise _refused(what, got, "two different inputs, as all members of this space have")
    return pairs


def choices_of(pairs: Pairs) -> dict[str, Any]:
    """The choices of NNI's `DARTS` space."""
    found: dict[str, Any] = {}
    for i, (op, source) in enumerate(pairs):
        cell, node, k = CELLS[i // HALF], NODES[i // 2 % len(NODES)], i % 2
        found |= {f"{cell}/op_{node}_{k}": op, f"{cell}/input_{node}_{k}": source}
    return found


def genotypes_in(text: str) -> dict[str, Genotype]:
    """The members that a Python file names: `NAME = Genotype(...)`, and other names of these. Nothing of it is run.

    Raises:
        ArchitectureError: it is no Python, names no genotype, or some that are no members: these are named, each with
            the reason.
    """
    if not isinstance(text, str):
        raise _refused("file of genotypes", type(text).__name__, "the text of a Python file: Path(file).read_text()")
    try:
        if len(text) > LONGEST_FILE:
            raise ValueError(f"{len(text)} characters")
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused("file of genotypes", str(error), "Python with NAME = Genotype(...)") from None
    found: dict[str, Genotype] = {}
    wrong: dict[str, str] = {}
    for one in body:
        if not isinstance(one, ast.Assign | ast.AnnAssign) or one.value is None:
            continue
        targets = one.targets if isinstance(one, ast.Assign) else [one.target]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        value = one.value
        if isinstance(value, ast.Name):
            found |= {name: found[value.id] for name in names if value.id in found}
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Genotype":
            try:
                member = genotype(pairs_of_call(value, ast.unparse(value)))
                pairs_of(member)
                found |= dict.fromkeys(names, member)
            except ArchitectureError as error:
                wrong |= dict.fromkeys(names, str(error).splitlines()[0])
    if wrong or not found:
        got = "; ".join(f"{name}: {why}" for name, why in wrong.items()) or "no NAME = Genotype(...)"
        left = f"leave {', '.join(wrong)} out; there remain {', '.join(found) or 'none'}" if wrong else None
        raise ArchitectureError("a file with genotypes that are no members of DARTS", got=got, fix=left)
    return found


def _is_half(cell: Any) -> bool:
    return isinstance(cell, list) and len(cell) == HALF


def _got(value: Any) -> str:
    return "nothing" if value is None else str(value)[:60]


def _refused(what: str, got: str, expected: str) -> ArchitectureError:
    return ArchitectureError(f"not a member of DARTS: {what}", got=got, expected=expected)
