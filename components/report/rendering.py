"""How pages are rendered: the templates of this folder, and what they can use."""

import jinja2

from components.report.words import metric_title, spoken, term_title


def environment() -> jinja2.Environment:
    """Returns what renders the templates of this folder; other pages put their own loader before its.

    ``base.html.j2`` has the head and the style, with the blocks ``title`` and ``body``; ``macros.html.j2`` shows
    estimates, differences and keys. Everything is escaped, and a name that does not exist is an error.
    """
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("components.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"metric_title": metric_title, "spoken": spoken, "term_title": term_title}
    return found
