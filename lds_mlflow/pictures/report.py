"""A report for people: texts, tables and pictures in order, as Markdown and as an HTML page with the same content."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from mimetypes import guess_type
from typing import NamedTuple
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from lds_mlflow.pictures.png import Picture, png_of

__all__ = ["BoldText", "LinkText", "Report"]

_PAGE = Markup("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; media-src data:;
 style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
""")
_STYLE = Markup("""
:root { color-scheme: light dark; }
body { background: Canvas; color: CanvasText; font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 90rem;
  padding: 1rem 1.5rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
p, figcaption { max-width: 48rem; }
figure { margin: 1.5rem 0; } figcaption { font-size: 0.9rem; font-style: italic; margin: 0.3rem 0; }
img { background: white; height: auto; max-width: 100%; }
.row { align-items: flex-start; display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
.row figure { flex: 0 1 22rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { border-bottom: 1px solid #8888; padding: 0.25rem 0.75rem; text-align: left; vertical-align: top; }
td:first-child { min-width: 9rem; }
.number { text-align: right; white-space: nowrap; }
""")

_SCROLLED = Markup(
    '<figure><figcaption>{}</figcaption><div class="wide" role="group" tabindex="0" aria-label="{}">{}</div></figure>'
)
"""A table that is wider than the page can be scrolled by the keyboard too."""

_MARKS = re.compile(r"[\\`*_~\[\]<>&|#]")
_LIST_MARKS = re.compile(r"^(\d*)([-+.)])(?=[\s-]|$)")
_NUMBER = re.compile(r"[-+]?\.?\d|nan\b|-?$")


class BoldText(str):
    """A part of a paragraph that stands out."""

    __slots__ = ()


class LinkText(NamedTuple):
    """A part of a paragraph that leads to an address.

    Attributes:
        text: What is shown.
        address: Where it leads.
    """

    text: str
    address: str


class Report:
    """A report, built from its parts in order. Texts are plain: Markdown and HTML in them are escaped.

    Args:
        title: What it is called.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.pictures: list[tuple[str, bytes]] = []
        self.kept: dict[str, bytes] = {}
        self._markdown = [f"# {_escaped(title)}"]
        self._html = [Markup("<h1>{}</h1>").format(title)]

    def heading(self, text: str) -> None:
        """Begins a section."""
        self._add(f"## {_escaped(text)}", Markup("<h2>{}</h2>").format(text))

    def paragraph(self, *spans: str | LinkText) -> None:
        """Adds a paragraph of plain texts, `BoldText` and `LinkText`, with nothing between them."""
        markdown, html = "".join(map(_markdown_span, spans)), Markup("").join(map(_html_span, spans))
        self._add(_LIST_MARKS.sub(r"\1\\\2", markdown), Markup("<p>{}</p>").format(html))

    def table(self, table: pd.DataFrame, caption: str) -> None:
        """Adds a table without its index. Cells are shown as they are; columns of numbers are aligned to the right."""
        columns = [[str(name), *map(str, table.iloc[:, place])] for place, name in enumerate(table.columns)]
        are_numbers = [all(_NUMBER.match(cell) for cell in column[1:]) for column in columns]
        header, *body = zip(*columns, strict=True)
        self._add(
            f"*{_escaped(caption)}*\n\n{_markdown_table(header, body, are_numbers)}",
            _SCROLLED.format(caption, caption, _html_table(header, body, are_numbers)),
        )

    def picture(self, name: str, picture: Picture, caption: str) -> None:
        """Adds a picture; the caller stores it, a PNG, as the artifact `name`, to which Markdown links."""
        png = png_of(picture)
        self.pictures.append((name, png))
        text = _escaped(caption)
        html = Markup('<figure><img src="data:image/png;base64,{}" alt="{}"><figcaption>{}</figcaption></figure>')
        self._add(f"![{text}]({quote(name)})\n\n*{text}*", html.format(b64encode(png).decode(), caption, caption))

    def row(self, pictures: Sequence[tuple[str, Picture, str]]) -> None:
        """Adds pictures side by side where there is room, each with its name and caption as `picture` takes them."""
        self._html.append(Markup('<div class="row">'))
        for name, picture, caption in pictures:
            self.picture(name, picture, caption)
        self._html.append(Markup("</div>"))

    def files(self, files: Mapping[str, bytes], caption: str) -> None:
        """Adds files that the caller stores, each as the artifact of its name; the page plays sound, and names others.

        Args:
            files: Their contents by name; nothing is added where there are none.
            caption: What they are.
        """
        if not files:
            return
        self.kept |= files
        links = "\n".join(f"- [{_escaped(name)}]({quote(name)})" for name in files)
        html = Markup("<figure><figcaption>{}</figcaption>{}</figure>")
        parts = Markup("\n").join(_html_file(name, content) for name, content in files.items())
        self._add(f"*{_escaped(caption)}*\n\n{links}", html.format(caption, parts))

    def picture_at(self, name: str, caption: str) -> None:
        """Adds a picture that is stored at `name` already; the page shows only its caption."""
        text = _escaped(caption)
        self._add(f"![{text}]({quote(name)})\n\n*{text}*", Markup("<p>{}</p>").format(caption))

    def markdown(self) -> str:
        """Returns the report as GitHub-flavoured Markdown, for the folder that the pictures' names start from."""
        return "\n\n".join(self._markdown) + "\n"

    def html(self) -> str:
        """Returns the report as an HTML page that loads no other file."""
        return str(_PAGE.format(title=self.title, style=_STYLE, body=Markup("\n").join(self._html)))

    def _add(self, markdown: str, html: Markup) -> None:
        self._markdown.append(markdown)
        self._html.append(html)


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\g<0>", re.sub(r"\s+", " ", text))


def _markdown_span(span: str | LinkText) -> str:
    if isinstance(span, LinkText):
        return f"[{_escaped(span.text)}]({span.address})"
    return f"**{_escaped(span)}**" if isinstance(span, BoldText) else _escaped(span)


def _html_span(span: str | LinkText) -> str:
    if isinstance(span, LinkText):
        return Markup('<a href="{}">{}</a>').format(span.address, span.text)
    return Markup("<b>{}</b>").format(span) if isinstance(span, BoldText) else span


def _html_file(name: str, content: bytes) -> str:
    kind, _ = guess_type(name)
    if kind is None or not kind.startswith("audio/"):
        return Markup("<p>{}</p>").format(name)
    player = Markup('<p>{}<br><audio controls preload="none" src="data:{};base64,{}"></audio></p>')
    return player.format(name, kind, b64encode(content).decode())


def _markdown_table(header: Sequence[str], body: Sequence[Sequence[str]], are_numbers: Sequence[bool]) -> str:
    ruler = ["---:" if is_number else "---" for is_number in are_numbers]
    rows = [map(_escaped, header), ruler, *(map(_escaped, cells) for cells in body)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _html_table(header: Sequence[str], body: Sequence[Sequence[str]], are_numbers: Sequence[bool]) -> Markup:
    def row_of(cells: Sequence[str], cell: Markup) -> Markup:
        kinds = ("number" if is_number else "text" for is_number in are_numbers)
        return Markup("<tr>{}</tr>\n").format(Markup("").join(map(cell.format, kinds, cells)))

    head = row_of(header, Markup('<th class="{}">{}</th>'))
    rows = Markup("").join(row_of(cells, Markup('<td class="{}">{}</td>')) for cells in body)
    return Markup("<table>\n<thead>{}</thead>\n<tbody>{}</tbody>\n</table>").format(head, rows)
