"""The commands of `ghn`: what each does, the config and job behind it, and examples; no import takes time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

from ghn.app.flags import divided
from ghn.app.program import NAME
from ghn.errors import ConfigError, check_known

JSON = "--json"
WIDTH = 120


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        about: what it does, in a sentence.
        examples: each with what it does; all of them run.
        config: of hydra; none for a command that takes no settings.
        chosen: overrides that choose its job.
        word: the key that a word without `=` is the value of, and how help calls it; none for no such word.
        needs: a key that must be given, for which help gives a word.
        json: whether it can print what it found as one JSON document.
    """

    name: str
    about: str
    examples: tuple[tuple[str, str], ...]
    config: str | None = "evaluate"
    chosen: tuple[str, ...] = ()
    word: tuple[str, str] | None = None
    json: bool = False
    needs: str | None = None

    def usage_line(self) -> str:
        """Its name, and the word that it takes."""
        return self.name if self.word is None else f"{self.name} {self.word[1]}"

    def line(self, typed: str) -> str:
        """A whole command line."""
        return f"{NAME} {self.name} {typed}".rstrip()

    def check_json(self) -> None:
        """Refuses `--json` where there is nothing that a program could read."""
        if not self.json:
            able = [name for name, command in COMMANDS.items() if command.json]
            raise ConfigError(f"{NAME} {self.name} has no {JSON}", expected=f"one of {', '.join(able)}, which have it")

    def overrides(self, given: Sequence[str]) -> list[str]:
        """What was typed behind the command, as hydra's overrides and flags: a word stands for the value of its key.

        Raises:
            ConfigError: a choice of another job; an unknown searcher.
        """
        _, rest = divided(given)
        for one in rest:
            key, _, value = one.partition("=")
            if key == "job" or (key == "search" and self.word is None):
                of = value if key == "job" else f"search {value}"
                raise ConfigError(f"{NAME} {self.name} does one job", got=one, fix=f"{NAME} {of}")
        found = list(given)
        if self.word is not None and rest and "=" not in rest[0] and rest[1:2] != ["="]:
            found[found.index(rest[0])] = self._meant(rest[0])
        return found

    def check_given(self, overrides: Sequence[str]) -> None:
        """Refuses a command without the file that it is about."""
        if self.needs and not any(one.startswith(f"{self.needs}=") for one in overrides):
            raise ConfigError(
                f"{NAME} {self.name} needs a file of architectures",
                got=" ".join(overrides) or "nothing",
                expected="one architecture a line, a .json list of them, or a .py file of genotypes (docs/formats.md)",
                fix=f"{NAME} {self.name} FILE; or archs=100, drawn at random; or archs=all, all of a listed space",
            )

    def _meant(self, word: str) -> str:
        from ghn.app.cli import as_typed

        assert self.word is not None
        if self.word[0] == "search":
            from ghn.app.overrides import options_of

            check_known("searcher", word, [name for name in options_of("search") if name != "none"])
        if self.word[0] == "archs":
            _check_file(word)
            word = f'"{word}"' if word.isdigit() else as_typed(word)
            return f"archs={word}"
        return f"{self.word[0]}={as_typed(word)}"


def _check_file(word: str) -> None:
    """Refuses a word that is to be a file of architectures, and is none.

    Raises:
        ConfigError: there is no such file.
    """
    from ghn.assets import here_or_shipped
    from ghn.reading import there_is

    if not there_is(here_or_shipped(word)):
        drawn = f"; archs={word} draws so many at random" if word.isdigit() else ""
        fix = f"write the architectures into a file, one a line, and name that{drawn}"
        raise ConfigError("there is no such file", got=word, expected="a file of architectures", fix=fix)


def check_command(name: str) -> Command:
    """The command of a name.

    Raises:
        ConfigError: there is none.
    """
    if "=" in name or name.startswith("-"):
        what = f"a command stands first, before {'its settings' if '=' in name else 'flags'}"
        raise ConfigError(what, got=name, expected=f"{NAME} COMMAND [KEY=VALUE ...]", fix=f"see {NAME} --help")
    check_known("command", name, COMMANDS)
    return COMMANDS[name]


_ALL = (
    Command(
        "train",
        "Train a hypernetwork, or shared weights, that give weights to any network of a space.",
        (
            ("trainer=demo population=0 out=outputs/small", "two minutes on a laptop: to see that it works"),
            ("space=macro out=outputs/macro", "half an hour, for the space of NAS-Bench-Macro"),
            ("space=macro out=outputs/macro resume=true", "go on after Ctrl-C, a crash or a full disk"),
        ),
        "train",
    ),
    Command(
        "rank",
        "Score networks with estimators, and compare their order with the accuracies of trained ones.",
        (
            ("n=50 'estimator=[combined,params]'", "the shipped hypernetwork, and a count of parameters beside it"),
            ("n=50 references=all out=outputs/rank", "against own and published trainings, into a folder of that name"),
            ("n=50 estimator=params --json", "what was found as JSON, for a program"),
        ),
        chosen=("job=rank",),
        json=True,
    ),
    Command(
        "rank_all",
        "Order all networks of a space, or look for the best of them.",
        (
            ("limit=200 out=outputs/order", "the first 200 networks of NAS-Bench-201, best first, into ranking.csv"),
            ("best=10 out=outputs/best", "the ten best of all 4,930: the others leave early"),
        ),
        chosen=("job=rank_all",),
    ),
    Command(
        "score",
        "Score the architectures of a file, however many, into a table.",
        (
            ("data/references/embedded_archs.json", "96 networks of NAS-Bench-201, in a file that is shipped"),
            ("archs=100 estimator=synflow", "a hundred that are drawn at random"),
            ("archs=100 --json", "the scores as JSON, for a program"),
        ),
        chosen=("job=score",),
        word=("archs", "FILE"),
        needs="archs",
        json=True,
    ),
    Command(
        "search",
        "Search a space for the best network.",
        (
            ("evolution search.estimator=combined search.limit.trials=100", "evolution, by the hypernetwork's order"),
            ("random search.estimator=params search.max_params=100000", "at random, below a size"),
            ("asha out=outputs/asha", "trainings that are stopped early where others are better"),
        ),
        chosen=("job=search",),
        word=("search", "[NAME]"),
        json=True,
    ),
    Command(
        "survey",
        "Judge every estimator on the same networks: order, bias, cost, combinations, advice.",
        (("experiment=survey_quick out=outputs/survey", "those that train nothing: ten minutes on two cores"),),
        chosen=("job=survey",),
    ),
    Command(
        "references",
        "Train networks in full, into a table that estimators are compared with.",
        (("archs=5 seeds=[0] recipe.epochs=1 out=outputs/five", "five at random, once each, for one epoch"),),
        chosen=("job=references",),
    ),
    Command(
        "ladder",
        "Spend one budget, from the hypernetwork's score to full training.",
        (("search.seconds=1800 search.pool=200", "half an hour, for 200 candidates"),),
        chosen=("job=ladder",),
    ),
    Command(
        "serve",
        "Serve hypernetworks over HTTP, with a page to draw and look at networks.",
        (("port=8000", "the shipped one, at http://127.0.0.1:8000"),),
        chosen=("job=serve",),
    ),
    Command(
        "info",
        "Say in plain words what a checkpoint is, and how to use it.",
        (
            ("darts", "what is shipped for a space"),
            ("outputs/small/checkpoint.safetensors", "what `ghn train` has left"),
            ("darts --json", "the same as JSON"),
        ),
        None,
        word=("checkpoint", "CHECKPOINT"),
        json=True,
    ),
    Command(
        "spaces",
        "List the spaces: what is in them, how many networks, and what is shipped for each.",
        (("", "all of them"), ("--json", "the same as JSON")),
        None,
        json=True,
    ),
)
COMMANDS: dict[str, Command] = {command.name: command for command in _ALL}


def overview() -> str:
    """What `ghn` does, a line a command, and how to begin."""
    rows = [f"  {command.usage_line():16}  {command.about}" for command in COMMANDS.values()]
    lines = [
        "Tells how good neural architectures are without training them fully.",
        "",
        f"{NAME} COMMAND [KEY=VALUE ...]",
        "",
        *rows,
        "",
        "to begin with:",
        f"  {NAME} spaces",
        f"  {NAME} rank n=50 'estimator=[combined,params]'",
        f"  {NAME} COMMAND --help            the keys of a command, with examples",
        "",
        fill(
            f"{NAME} --version; completion of commands and keys by Tab: "
            f'eval "$({NAME} --shell-completion install=bash)". '
            "Exit codes: 0 done, 1 an error that is told, 2 a wrong command line, 130 Ctrl-C. docs/command-line.md",
            WIDTH,
        ),
    ]
    return "\n".join(lines)


def usage(command: Command) -> str:
    """What a command does, how it is typed, and examples."""
    rows = [line for typed, about in command.examples for line in (f"  # {about}", f"  {command.line(typed)}")]
    flags = f" [{JSON}]" if command.json else ""
    settings = "" if command.config is None else " [KEY=VALUE ...]"
    head = f"{NAME} {command.usage_line()}{settings}{flags}"
    return "\n".join([command.about, "", head, "", "examples:", *rows])
