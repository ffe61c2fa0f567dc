"""How pages are rendered: the templates of this folder, and what templates can use."""

import jinja2


def make_environment(package: str) -> jinja2.Environment:
    """Returns what renders the templates of a package, which may build on those of this one.

    ``base.html.j2`` has the head and the style, with the blocks ``title`` and ``body``; ``macros.html.j2`` shows what
    the colours of a chart mean. Everything is escaped, and a name that does not exist is an error.
    """
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader("reporting")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
