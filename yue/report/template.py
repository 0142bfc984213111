"""The templates of the pages, and the style and scripts that go into them."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from yue.wording import counted

# The browser itself holds a page to carrying all it shows: nothing may be loaded from anywhere.
POLICY = (
    "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


def render_page(name: str, scripts: tuple[str, ...], **values: Any) -> str:
    """A whole page as HTML without references to anything outside it.

    Args:
        name: Its template.
        scripts: Its scripts, in order.
        values: What the template shows.
    """
    environment = Environment(
        loader=FunctionLoader(asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["counted"] = counted
    environment.filters["signed"] = lambda value: f"{value:+.3f}"
    environment.filters["percent"] = lambda value: f"{100 * value:.1f} %"
    return environment.get_template(name).render(
        style=asset("report.css"),
        script="\n".join(asset(script) for script in scripts),
        policy=POLICY,
        **values,
    )


def asset(name: str) -> str:
    """The text of a file beside this one."""
    return files("yue.report").joinpath(name).read_text(encoding="utf-8")
