"""A space from a function: `build(choose)` returns a module, and asks for its choices as it goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from inspect import isbuiltin
from itertools import islice
from random import Random
from typing import Any

from torch import nn

from ghn.errors import ArchitectureError, ConfigError, GraphError
from ghn.graph.canonical import function_key
from ghn.graph.ir import Graph
from ghn.reading import from_json
from ghn.spaces.ahead import Ahead
from ghn.spaces.captures import Captures, example_of
from ghn.spaces.card import space_card
from ghn.spaces.choices import Choice
from ghn.spaces.parameters import Answer, Parameter
from ghn.spaces.questions import Choose, Decisions, Question, Questions, spelt, value_among
from ghn.spaces.source import source_of, target_of
from ghn.types import Network

LISTED = 256  # members of a space whose functions are listed: each must be captured for it
LOOKED_AT = 200  # random members of a larger one, whose choices stand for all of them


class FunctionSpace:
    """The space of the modules that a function builds; a member is a tuple of (name, value) in the order asked.

    Spaces of at most `LISTED` members can list their functions: they are `ListedFunctionSpace`s.

    Args:
        build: is called with a `Choose`, and returns a module. It asks for choices, some of which may depend on earlier
            ones, and for nothing else: the same answers build the same module.
        input_shape: of one item, such as (channels, height, width): `task.input_shape`. Several are a tuple or dict.
        classes: how many numbers a network gives for an item: `task.output_shape[0]`; None: not checked.
        dtype: of the inputs, such as float32 or int64; of several inputs a list.
        settings: further arguments of `build`, by name: strings, numbers or booleans, which variants of the space may
            change.

    Raises:
        ConfigError: `build` asks what cannot be asked, or differently each time.
        GraphError: `build` fails.
    """

    name = "function"

    def __init__(
        self,
        build: Callable[..., nn.Module],
        input_shape: Any,
        classes: int | None = None,
        dtype: str | Sequence[str] = "float32",
        **settings: Any,
    ) -> None:
        if not callable(build) or isbuiltin(build):
            raise ConfigError(
                "a space is made of a function",
                got=repr(build),
                expected="build(choose) -> nn.Module",
                fix="give the function itself; on the command line space.target=my_file:build",
            )
        if strange := [name for name, value in settings.items() if not isinstance(value, str | int | float | None)]:
            raise ConfigError(f"the setting {strange[0]!r} is no string or number", got=settings[strange[0]])
        self.build, self.classes, self.settings = build, classes, settings
        self.dtype = dtype if isinstance(dtype, str) else dtype[0] if len(set(dtype)) == 1 else list(dtype)
        self.input_shape = _tuples(input_shape)
        self.target, self.source = target_of(build), source_of(build)
        self._questions = Questions(self._built, self.input_shape, classes)
        example = example_of(self.input_shape, self.dtype)
        self._captures = Captures(self.module, example, json.dumps(self.describe()))
        self._ahead = Ahead(self._drawn)
        # what is wrong with every member is said at once; one that fails alone is a failure when it is asked for
        self._questions.walk(lambda question: question.options[0], strict=True)
        if (
            self._questions.estimate() <= 4 * LISTED
            and len(list(islice(self._questions.every(), LISTED + 1))) <= LISTED
        ):
            self.__class__ = ListedFunctionSpace

    _repr_html_ = space_card

    def describe(self) -> dict[str, Any]:
        """What the space is of, the digest of its source, and its settings; JSON-able."""
        own = {"target": self.target, "source": self.source, "input_shape": _lists(self.input_shape)}
        return {**own, "classes": self.classes, "dtype": self.dtype, **self.settings}

    def with_settings(self, changed: Mapping[str, Any]) -> FunctionSpace:
        """The space with some settings changed; `ConfigError` where `build` has no such setting."""
        own = {"input_shape": self.input_shape, "classes": self.classes, "dtype": self.dtype, **self.settings}
        if unknown := changed.keys() - own.keys():
            raise ConfigError(
                f"the space of {self.target} has no setting {sorted(unknown)[0]!r}",
                got=dict(changed),
                expected=sorted(own),
            )
        return FunctionSpace(self.build, **{**own, **changed})

    def sample(self, rng: Random) -> Decisions:
        """Draws each decision uniformly from its options, in the order asked."""
        return self._questions.walk(lambda question: rng.choice(question.options))

    def neighbours(self, arch: Decisions) -> Iterator[Decisions]:
        """The members with one decision changed.

        Decisions that come after it are kept where the same question comes with the same options; else the first option
        is taken.
        """
        return self._questions.changed(self._questions.member(arch))

    def simplest(self) -> Iterator[Decisions]:
        """The member of all first options, and those with one other option."""
        first = self._questions.walk(lambda question: question.options[0])
        yield first
        yield from self.expand(first)

    def expand(self, arch: Decisions) -> Iterator[Decisions]:
        """The members with one more decision that is not the first option, behind those that are not already.

        Each member is reached in one way from that of all first options.
        """
        asked = self._questions.asked(self._questions.member(arch))
        other = [i for i, (question, value) in enumerate(asked) if value != question.options[0]]
        return self._questions.changed(arch, max(other, default=-1) + 1)

    def network(self, arch: Decisions) -> Network:
        """The network, captured once.

        Raises:
            ArchitectureError: no member.
            GraphError: it cannot be built or captured, or gives another output than `classes`.
        """
        network = self._captures(self.format(arch))
        if self.classes is not None and network.graph.output_shape != (self.classes,):
            raise GraphError(
                f"the network of {spelt(arch)} does not fit the task: its output has another shape",
                got=network.graph.output_shape,
                expected=(self.classes,),
                fix="make its last layer with choose.classes outputs",
            )
        return network

    def module(self, arch: Decisions | str) -> nn.Module:
        """The module of a member, built anew: to be trained, or given weights (`Model.init_`)."""
        return self._questions.make(self.parse(arch) if isinstance(arch, str) else self._questions.member(arch))

    def prepare(self, key: str, n: int) -> None:
        """Begins, in another process, to draw `n` members with `Random(key)` and to capture them."""
        self._ahead.prepare(key, n)

    def finish(self, key: str) -> None:
        """Waits for these, so that the same draws here need no build, and their networks no capture."""
        for asked, name, graph in self._ahead.take(key) or ():
            self._questions.learn(asked)
            if graph is not None:
                self._captures.keep(name, graph)

    def parse(self, text: str) -> Decisions:
        """Reads the JSON of the choices, such as {"width": 16, "depth": 2}."""
        try:
            values = from_json(text)
        except (ValueError, TypeError):
            values = None
        if not isinstance(values, dict):
            raise ArchitectureError("not the choices of a member", got=text, expected='JSON such as {"width": 16}')
        return self._questions.named(values)

    def format(self, arch: Decisions) -> str:
        return json.dumps(dict(self._questions.member(arch)))

    def canonical(self, arch: Decisions) -> str:
        """The key of the live graph (`function_key`); of a member without a network its own string."""
        name = self.format(arch)
        try:
            return function_key(self.network(arch).live().graph)
        except GraphError:
            return name

    def encode(self, arch: Decisions) -> dict[str, float]:
        """Features for surrogates: numbers as they are, other options one-hot; choices that are not asked for are 0.

        Of a space that is not listed, the choices of `LOOKED_AT` random members are there.
        """
        found = dict.fromkeys(self._features, 0.0)
        for name, value in self._questions.member(arch):
            for feature, amount in ((f"{name}?", 1.0), _feature(name, value)):
                if feature in found:
                    found[feature] = amount
        return found

    def decide(self, answer: Answer) -> Decisions:
        """The member of some answers; what they raise is not taken for a failure of `build`, as it runs beside them."""
        decided: Decisions = ()
        while (question := self._questions.after(decided)) is not None:
            decided += ((question.name, value_among(question, answer(question.name, question.options))),)
        return decided

    def decided(self, arch: Decisions) -> list[Parameter]:
        """What a member is asked, with its own answers."""
        asked = self._questions.asked(self._questions.member(arch))
        return [Parameter(question.name, question.options, value) for question, value in asked]

    # --- as a sequence of decisions (`ghn.spaces.choices.Decisions`) ---

    def choices(self) -> tuple[Choice, ...]:
        """The decisions by their place: which is asked for there may depend on those before.

        Options are spelt `name=value`; "end" is the only one where a member is complete.
        """
        return self._choices

    def allowed(self, chosen: Sequence[int]) -> Sequence[int]:
        """Options of the next decision, without those that no member has that was looked at.

        Where none is left the decisions lead nowhere, and `from_choices` refuses them.
        """
        options = self._choices[len(chosen)].options
        try:
            question = self._questions.after(self._decided(chosen))
        except ArchitectureError:
            return (0,)
        wanted = [END] if question is None else [_label(question.name, option) for option in question.options]
        return [options.index(label) for label in wanted if label in options] or (0,)

    def from_choices(self, chosen: Sequence[int]) -> Decisions:
        return self._questions.member(self._decided(chosen))

    def to_choices(self, arch: Decisions) -> tuple[int, ...]:
        labels = [_label(name, value) for name, value in self._questions.member(arch)]
        labels += [END] * (len(self._choices) - len(labels))
        try:
            return tuple(choice.options.index(label) for choice, label in zip(self._choices, labels, strict=True))
        except ValueError as error:
            raise ArchitectureError(f"not met in {LOOKED_AT} random members", got=str(error)) from None

    def __repr__(self) -> str:
        return f"FunctionSpace({', '.join(f'{key}={value!r}' for key, value in self.describe().items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FunctionSpace) and self.describe() == other.describe()

    def __hash__(self) -> int:
        return hash(repr(self))

    def _decided(self, chosen: Sequence[int]) -> Decisions:
        """The decisions that these options of the first choices stand for."""
        decided: Decisions = ()
        for choice, option in zip(self._choices, chosen, strict=False):
            if (question := self._questions.after(decided)) is None:
                break
            values = {_label(question.name, value): value for value in question.options}
            if choice.options[option] not in values:
                raise ArchitectureError(
                    f"not an option of the choice {question.name!r}",
                    got=choice.options[option],
                    expected=" | ".join(values),
                )
            decided += ((question.name, values[choice.options[option]]),)
        return decided

    @cached_property
    def _seen(self) -> list[Decisions]:
        """Members that stand for all."""
        rng = Random("choices")
        return [self.sample(rng) for _ in range(LOOKED_AT)]

    @cached_property
    def _choices(self) -> tuple[Choice, ...]:
        length = max(map(len, self._seen))
        places: list[dict[str, None]] = [{} for _ in range(length)]
        for arch in self._seen:
            for i, place in enumerate(places):
                question = self._questions.after(arch[:i]) if i <= len(arch) else None
                options = [END] if question is None else [_label(question.name, one) for one in question.options]
                place.update(dict.fromkeys(options))
        return tuple(Choice(f"decision{i}", tuple(place)) for i, place in enumerate(places))

    @cached_property
    def _features(self) -> list[str]:
        found: dict[str, None] = {}
        asked: dict[str, int] = {}
        for arch in self._seen:
            for i, (name, _) in enumerate(arch):
                asked[name] = asked.get(name, 0) + 1
                if (question := self._questions.after(arch[:i])) is not None:
                    found.update(dict.fromkeys(_feature(name, option)[0] for option in question.options))
        sometimes = [f"{name}?" for name, times in asked.items() if times < len(self._seen)]
        return [*found, *sometimes]

    def _drawn(self, key: str, n: int) -> list[tuple[list[tuple[Question, Any]], str, Graph | None]]:
        """Of each draw what it was asked with its answers, its string, and its graph, if it can be sent."""
        rng, out = Random(key), []
        for _ in range(n):
            arch = self.sample(rng)
            name = self.format(arch)
            out.append((self._questions.asked(arch), name, self._captures.graph(name)))
        return out

    def _built(self, choose: Choose) -> nn.Module:
        return self.build(choose, **self.settings)

    def __getstate__(self) -> dict[str, Any]:
        own = {"input_shape": self.input_shape, "classes": self.classes, "dtype": self.dtype, **self.settings}
        return {"build": self.build, "own": own}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        FunctionSpace.__init__(self, state["build"], **state["own"])


class ListedFunctionSpace(FunctionSpace):
    """A `FunctionSpace` of few members."""

    def members(self) -> list[Decisions]:
        """All of them."""
        return list(self._questions.every())

    def distinct(self) -> list[Decisions]:
        """The first member of each function; those that cannot be built or captured are left out."""
        return self._distinct

    @cached_property
    def _distinct(self) -> list[Decisions]:
        found: dict[str, Decisions] = {}
        for arch in self._questions.every():
            if (key := self.canonical(arch)) != self.format(arch):
                found.setdefault(key, arch)
        return list(found.values())

    @cached_property
    def _seen(self) -> list[Decisions]:
        """All."""
        return self.members()


END = "end"  # of the decisions of a member that has fewer than others


def _label(name: str, value: Any) -> str:
    return f"{name}={value}"


def _feature(name: str, value: Any) -> tuple[str, float]:
    """Name and amount of what an option is to a regression."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return name, float(value)
    return _label(name, value), 1.0


def _tuples(shape: Any) -> Any:
    """Shapes with tuples for the lists of JSON."""
    if isinstance(shape, Mapping):
        return {name: _tuples(one) for name, one in shape.items()}
    return tuple(_tuples(one) for one in shape) if isinstance(shape, list | tuple) else shape


def _lists(shape: Any) -> Any:
    """Shapes as JSON has them."""
    if isinstance(shape, Mapping):
        return {name: _lists(one) for name, one in shape.items()}
    return [_lists(one) for one in shape] if isinstance(shape, tuple) else shape
