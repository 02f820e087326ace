"""What a function that builds networks asks: its decisions, remembered as a tree, so that it is asked each once.

Source: Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019, sec. 2.1: the space
is defined by running the function (define-by-run).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import torch
from torch import nn

from ghn.errors import ArchitectureError, ConfigError, GhnError, GraphError

Decisions = tuple[tuple[str, Any], ...]  # (name, value) of each choice, in the order asked
PATHS = 32  # random members from which the number of all is estimated, where they are not counted
_SIMPLE = (str, bool, int, float, type(None))


class Question(NamedTuple):
    """One choice."""

    name: str
    options: tuple[Any, ...]


Answer = Callable[[Question], Any]


class Choose:
    """What a `build` is called with: it asks for the choices of one architecture.

    `choose("width", [16, 32, 64])` gives one of the options: strings, numbers, booleans or None. What an architecture
    is made for is there too.

    Attributes:
        input_shape: of one item, as `Task.input_shape`.
        classes: how many numbers the network is to give for an item; None where that is free.
    """

    def __init__(self, decided: Decisions, answer: Answer, input_shape: Any, classes: int | None) -> None:
        self.input_shape, self.classes = input_shape, classes
        self._decided, self._answer = decided, answer
        self.asked: list[tuple[Question, Any]] = []

    @property
    def output_shape(self) -> tuple[int, ...] | None:
        """Of what the network is to give for one item; None where that is free."""
        return None if self.classes is None else (self.classes,)

    def __call__(self, name: str, options: Sequence[Any]) -> Any:
        """One of the options.

        Raises:
            ConfigError: there are none, or some twice, or of other types; two choices have one name.
        """
        question = _checked(name, options)
        if any(name == before.name for before, _ in self.asked):
            raise ConfigError(f"build asks for two choices of the name {name!r}", fix="give each a name of its own")
        position = len(self.asked)
        if position < len(self._decided):
            decided, value = self._decided[position]
            if decided != name or value not in question.options:
                raise _unsteady(f"{name!r} of {list(question.options)} where {decided!r} was {value!r}")
        else:
            value = self._answer(question)
        chosen = value_among(question, value)
        self.asked.append((question, chosen))
        return chosen

    # as Optuna's trials are asked, so that a function written for them is a space as it is; `log` only tells a sampler
    # how likely values are, and changes no options

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the options."""
        return self(name, choices)

    def suggest_int(self, name: str, low: int, high: int, step: int = 1, log: bool = False) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(self(name, range(low, high + 1, step)))

    def suggest_float(self, name: str, low: float, high: float, step: float | None = None, log: bool = False) -> float:
        """One of the numbers from `low` to `high`, a `step` apart.

        Raises:
            ConfigError: without a step they are no choices.
        """
        if step is None or not step > 0:
            what, got = f"the choice {name!r} has no end of options", f"{low} to {high}, step {step}"
            fix = "give it a step, or use suggest_categorical; ask outside of build for what is no part of the network"
            raise ConfigError(what, got=got, fix=fix)
        count = math.floor((high - low) / step + 1e-9) + 1
        return float(self(name, [low + i * step for i in range(count)]))

    def int(self, name: str, low: int, high: int, step: int = 1) -> int:
        """A whole number from `low` to `high`, both included."""
        return self.suggest_int(name, low, high, step)


class Questions:
    """The choices of a `build` as a tree, which grows where it is walked; what is known of it needs no build.

    Args:
        build: is called with a `Choose`, and returns a module.
        input_shape, classes: of `Choose`.
    """

    def __init__(self, build: Callable[[Choose], nn.Module], input_shape: Any, classes: int | None) -> None:
        self.build, self.input_shape, self.classes = build, input_shape, classes
        self._next: dict[Decisions, Question | None] = {}  # what is asked after some decisions; None: no more
        # seconds of a build that is only to ask; small modules are made faster with values than without, large ones not
        self._seconds = {"meta": 0.0, "cpu": 0.0}

    def walk(self, answer: Answer, *, strict: bool = False) -> Decisions:
        """All decisions of a member; `answer` is called once for each, in their order.

        A member whose build fails ends where it fails; with `strict` that is an error.
        """
        decided: Decisions = ()
        while decided in self._next:
            if (question := self._next[decided]) is None:
                return decided
            decided += ((question.name, value_among(question, answer(question))),)
        return self._ask(decided, answer, strict=strict)

    def after(self, decided: Decisions) -> Question | None:
        """What is asked after some decisions; None where the member is complete."""
        if decided not in self._next:
            self._ask(decided, lambda question: question.options[0])
        return self._next[decided]

    def asked(self, arch: Decisions) -> list[tuple[Question, Any]]:
        """What a member was asked, with its answers."""
        questions = [self.after(arch[:i]) for i in range(len(arch))]
        return [(question, value) for question, (_, value) in zip(questions, arch, strict=True) if question is not None]

    def member(self, arch: Any) -> Decisions:
        """The member that is meant, as it asks; `ArchitectureError` for what is none."""
        if not isinstance(arch, tuple) or not all(
            isinstance(d, tuple) and len(d) == 2 and isinstance(d[0], str) for d in arch
        ):
            raise ArchitectureError(
                "not a member of the space", got=arch, expected="a tuple of (name, value), as `sample` gives them"
            )
        found = self.named(dict(arch))
        if [name for name, _ in found] != [name for name, _ in arch]:
            raise ArchitectureError("its choices are in another order", got=arch, expected=found)
        return found

    def named(self, values: Mapping[str, Any]) -> Decisions:
        """The member with these values by name; `ArchitectureError` where a choice has none, or is not asked for."""

        def answer(question: Question) -> Any:
            if question.name not in values:
                raise ArchitectureError(
                    f"the choice {question.name!r} is missing", got=dict(values), expected=f"one of {question.options}"
                )
            return values[question.name]

        found = self.walk(answer)
        if extra := sorted(set(values) - {name for name, _ in found}, key=str):
            names = [name for name, _ in found]
            raise ArchitectureError(f"there is no choice {extra[0]!r} here", got=dict(values), expected=names)
        return found

    def changed(self, arch: Decisions, start: int = 0) -> Iterator[Decisions]:
        """The members with one decision changed, of those from `start`.

        Later ones are kept where the same question comes with the same options; else the first option is taken.
        """
        questions = [self.after(arch[:i]) for i in range(len(arch))]
        asked = {question.name: question for question in questions if question is not None}
        kept = dict(arch)

        def answer(question: Question) -> Any:
            return kept[question.name] if asked.get(question.name) == question else question.options[0]

        for i in range(start, len(arch)):
            question = questions[i]
            assert question is not None
            for option in question.options:
                if option != arch[i][1]:
                    yield self._continued((*arch[:i], (question.name, option)), answer)

    def every(self) -> Iterator[Decisions]:
        """All members."""
        open_: list[Decisions] = [()]
        while open_:
            decided = open_.pop()
            if (question := self.after(decided)) is None:
                yield decided
            else:
                open_ += [(*decided, (question.name, option)) for option in reversed(question.options)]

    def estimate(self) -> float:
        """About how many members there are.

        Source: Knuth, "Estimating the efficiency of backtrack programs", Math. Comp. 29 (1975): the mean, over random
        paths, of the product of the numbers of options.
        """
        total, rng = 0.0, Random("estimate")
        for _ in range(PATHS):
            decided = self.walk(lambda question: rng.choice(question.options))
            asked = (self.after(decided[:i]) for i in range(len(decided)))
            total += math.prod(len(question.options) for question in asked if question is not None)
        return total / PATHS

    def make(self, arch: Decisions) -> nn.Module:
        """Builds the module of a member on the CPU, always with the same initial weights.

        Raises:
            ConfigError: it asks otherwise than before.
            GraphError: it fails, or gives no module.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module, asked, error = self._run(arch, _unexpected, "cpu")
        if error is not None:
            raise error
        self.learn(asked)
        if len(asked) < len(arch):
            raise _unsteady(f"no more where it asked for {arch[len(asked)][0]!r}")
        if not isinstance(module, nn.Module):
            got = type(module).__name__
            raise GraphError(f"build gives no module for {spelt(arch)}", got=got, expected="a torch.nn.Module")
        return module

    def learn(self, asked: Sequence[tuple[Question, Any]]) -> None:
        """Keeps what was asked after what; `ConfigError` where it was otherwise before."""
        decided: Decisions = ()
        for question, value in [*asked, (None, None)]:
            before = self._next.setdefault(decided, question)
            if before != question:
                now = f"{question.name!r} of {list(question.options)}" if question else "no more"
                then = f"{before.name!r} of {list(before.options)}" if before else "no more"
                raise _unsteady(f"{now} where it asked for {then}")
            decided += ((question.name, value),) if question else ()

    def _continued(self, decided: Decisions, answer: Answer) -> Decisions:
        """The member that begins with these decisions."""
        given = dict(decided)
        return self.walk(lambda question: given[question.name] if question.name in given else answer(question))

    def _ask(self, decided: Decisions, answer: Answer, *, strict: bool = False) -> Decisions:
        """Runs the build for its questions alone: on `meta`, without values, where it can be and that is faster."""
        given = list(decided)

        def noted(question: Question) -> Any:  # for the second try, as each is answered once
            value = value_among(question, answer(question))
            given.append((question.name, value))
            return value

        device, started = min(self._seconds, key=self._seconds.__getitem__), time.perf_counter()
        with torch.random.fork_rng(devices=[]):
            _, asked, error = self._run(tuple(given), noted, device)
            self._seconds[device] = self._seconds[device] or time.perf_counter() - started
            if error is not None and device == "meta":
                _, asked, error = self._run(tuple(given), noted, "cpu")
                if error is None:
                    self._seconds = {"cpu": 0.0}  # this build needs values
        if error is not None and strict:
            raise error
        self.learn(asked)
        return tuple((question.name, value) for question, value in asked)

    def _run(
        self, decided: Decisions, answer: Answer, device: str
    ) -> tuple[nn.Module | None, Sequence[tuple[Question, Any]], GraphError | None]:
        """The module, what was asked with its answers, and why there is none."""
        choose = Choose(decided, answer, self.input_shape, self.classes)
        try:
            with torch.device(device):
                return self.build(choose), choose.asked, None
        except GhnError:
            raise
        except Exception as error:  # whatever the user's own function raises
            chosen = tuple((question.name, value) for question, value in choose.asked)
            failed = GraphError(
                f"build fails for {spelt(chosen)}",
                got=f"{type(error).__name__}: {error}",
                fix="mend it, or take the options out with which it cannot build",
            )
            failed.__cause__ = error
            return None, choose.asked, failed


def spelt(arch: Decisions) -> str:
    """A member in words, for messages."""
    return ", ".join(f"{name}={value}" for name, value in arch) or "the only member"


def value_among(question: Question, value: Any) -> Any:
    """The option that a value is; `ArchitectureError` where it is none."""
    for option in question.options:
        if type(option) is type(value) and option == value:
            return option
    raise ArchitectureError(
        f"not an option of the choice {question.name!r}", got=value, expected=f"one of {list(question.options)}"
    )


def _checked(name: Any, options: Any) -> Question:
    """The question; `ConfigError` for one that cannot be asked."""
    if not isinstance(name, str) or not name:
        raise ConfigError("a choice needs a name", got=name, expected="a string")
    try:
        given = tuple(options)
    except TypeError:
        given = ()
    if not given or isinstance(options, str):
        raise ConfigError(f"the choice {name!r} has no options", got=options, expected="a list such as [16, 32]")
    if strange := [option for option in given if type(option) not in _SIMPLE or option != option]:
        raise ConfigError(
            f"an option of the choice {name!r} is of another type",
            got=strange[0],
            expected="strings, numbers, booleans or None",
            fix="choose among names, and look up what they stand for",
        )
    if len(set(given)) < len(given):
        raise ConfigError(f"the choice {name!r} has an option twice", got=list(given))
    return Question(name, given)


def _unexpected(question: Question) -> Any:
    raise _unsteady(f"{question.name!r} where it asked for no more")


def _unsteady(how: str) -> ConfigError:
    return ConfigError(
        f"build asks differently each time: for {how}",
        expected="choices that depend on earlier ones alone",
        fix="keep random numbers, clocks and state outside of build",
    )
