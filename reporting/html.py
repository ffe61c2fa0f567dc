"""How pages are rendered: the templates of this folder, and what they can use."""

import jinja2

from reporting.titles import metric_title, spoken, term_title


def make_environment(package: str) -> jinja2.Environment:
    """Returns what renders the templates of a package, which may build on those of this one.

    ``base.html.j2`` has the head and the style, with the blocks ``title`` and ``body``; ``macros.html.j2`` shows
    estimates, differences and keys. Everything is escaped, and a name that does not exist is an error.
    """
    found = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader("reporting")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"metric_title": metric_title, "spoken": spoken, "term_title": term_title}
    return found
