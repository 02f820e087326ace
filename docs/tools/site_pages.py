"""Puts together what the site is made of, in build/docs: docs/, pages from elsewhere, the survey: `make docs`.

Pages are written for those who read them in the repository, with links as they are there. Here each link is looked up
as a path of the repository and led to the page of the site that shows it, so that the generator meets plain Markdown.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from posixpath import dirname, normpath, relpath

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "docs"
SURVEY = ROOT / "build" / "survey"  # made from docs/survey/survey.json by ghn.report.survey.redraw
OUTSIDE = {  # path in the repository -> page of the site
    "README.md": "project/readme.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "LICENSE": "project/licence.md",
    "checkpoints/README.md": "project/checkpoints.md",
    "examples": "examples/index.md",
}

_FENCE = re.compile(r"(^[ \t]*(?:`{3,}|~{3,}).*?^[ \t]*(?:`{3,}|~{3,})[ \t]*$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")
_NAMED = re.compile(r"\[[\w./-]+\.md\]\(([^)\s]+)\)")  # a link that says the file's name, which the site does not show
_HTML = re.compile(r"\b(src|href)=\"([^\"]+)\"")


def collect() -> dict[str, tuple[str, Path]]:
    """File of the site -> where it seems to lie in the repository, and where it is; the survey's pages go first."""
    found = {}
    for path in sorted((ROOT / "docs").rglob("*")):
        uri = path.relative_to(ROOT / "docs").as_posix()
        if path.is_file() and not uri.startswith("tools/"):
            found[uri] = (f"docs/{uri}", path)
    for path in sorted([*SURVEY.glob("*.md"), *SURVEY.glob("figures/*.svg")]):
        uri = f"survey/{path.relative_to(SURVEY).as_posix()}"
        found[uri] = (f"docs/{uri}", path)
    examples = {f"examples/{path.name}": f"examples/{path.stem}.md" for path in sorted(ROOT.glob("examples/*.py"))}
    return found | {uri: (path, ROOT / path) for path, uri in (OUTSIDE | examples).items()}


def text_of(path: Path) -> str:
    """The Markdown of a page; an example is its code, and their folder a list."""
    if path.is_dir():
        lines = [f"- [{one.name}]({one.name}): {_summary(one)}\n" for one in sorted(path.glob("*.py"))]
        return "# Examples\n\n" + "".join(lines)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return f"# {path.name}\n\n```python\n{text}```\n"
    text = re.sub(r"\A<!--.*?-->\s*", "", text)  # or its heading would not name the page
    return text if path.suffix == ".md" else f"# Licence\n\n```text\n{text}```\n"


def _summary(path: Path) -> str:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.strip('"').split(": python ")[0].rstrip(".") + "."


def led(text: str, uri: str, home: str, page_of: Mapping[str, str], title_of: Mapping[str, str] | None = None) -> str:
    """A page whose links lead to the site's pages, and whose folds hold Markdown.

    Args:
        text: as in the repository.
        uri: of the page in the site.
        home: where it lies in the repository.
        page_of: path in the repository -> file of the site; other links stay, and the generator reports them.
        title_of: file of the site -> title of the page, which links say in place of the file's name.
    """
    titles = title_of or {}

    def target(path: str) -> str | None:
        return page_of.get(normpath(f"{dirname(home)}/{path}".lstrip("/")))

    def lead(link: str, shown: Callable[[str], str] = str) -> str:
        path, mark, anchor = link.partition("#")
        found = target(path)
        if not path or re.match(r"[a-z]+:", path) or found is None:
            return link
        return shown(relpath(found, dirname(uri) or ".")) + mark + anchor

    def page(path: str) -> str:  # what is HTML already is not seen by the generator
        return re.sub(r"\.md$", ".html", path)

    def named(link: re.Match[str]) -> str:
        title = titles.get(target(link[1].partition("#")[0]) or "")
        return f"[{title}]({link[1]})" if title else link[0]

    parts = _FENCE.split(text)
    for i in range(0, len(parts), 2):  # every second part is a block of code
        parts[i] = _NAMED.sub(named, parts[i])
        parts[i] = _LINK.sub(lambda link: f"]({lead(link[1])})", parts[i])
        parts[i] = _HTML.sub(lambda link: f'{link[1]}="{lead(link[2], page)}"', parts[i])
        parts[i] = parts[i].replace("<details>", '<details markdown="1">')
    return "".join(parts)


def main() -> None:
    """Writes build/docs anew."""
    shutil.rmtree(OUT, ignore_errors=True)
    files = collect()
    page_of = {home: uri for uri, (home, _) in files.items()}
    texts = {uri: text_of(path) for uri, (_, path) in files.items() if uri.endswith(".md")}
    titles = {uri: found[1] for uri, text in texts.items() if (found := re.search(r"^# (.+)$", text, re.MULTILINE))}
    for uri, (home, path) in files.items():
        to = OUT / uri
        to.parent.mkdir(parents=True, exist_ok=True)
        if uri in texts:
            inside = f"{home}/index.md" if path.is_dir() else home
            to.write_text(led(texts[uri], uri, inside, page_of, titles), encoding="utf-8")
        else:
            shutil.copyfile(path, to)


if __name__ == "__main__":
    main()
