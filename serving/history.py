"""Histories and lists of items as a person types them."""

from schemas.errors import UserError

EVENT_SEPARATOR = ","
SCENE_SEPARATOR = ":"


def parse_history(text: str, separator: str = EVENT_SEPARATOR) -> tuple[list[str], list[str]]:
    """Reads a history, oldest event first.

    An item's id may hold a colon: the last one of an event stands before the scene.

    >>> parse_history("milk:search,urn:x:cart")
    (['milk', 'urn:x'], ['search', 'cart'])

    Args:
        text: events as ``item:scene``.
        separator: what stands between events; choose another when ids hold a comma.

    Returns:
        The item ids and the scene ids.

    Raises:
        UserError: if an event lacks its item or its scene, or is no text.
    """
    items, scenes = [], []
    for place, event in enumerate(_split("--history", text, separator), start=1):
        item, _, scene = event.rpartition(SCENE_SEPARATOR)
        if not item or not scene:
            raise UserError(
                f"--history: event {place} must be written item{SCENE_SEPARATOR}scene, as in "
                f"milk:search{separator}bread:cart. "
                f"Received: {event!r}"
            )
        items.append(item)
        scenes.append(scene)
    return items, scenes


def parse_items(option: str, text: str, separator: str = EVENT_SEPARATOR) -> list[str]:
    """Reads a list of items.

    >>> parse_items("--exclude", "milk, bread")
    ['milk', 'bread']

    Args:
        option: option of the command that the list was given to.
        text: item ids.
        separator: what stands between them.

    Raises:
        UserError: if an id is empty, or is no text.
    """
    items = _split(option, text, separator)
    if "" in items:
        raise UserError(
            f"{option}: item {items.index('') + 1} is empty; expected ids, as in milk{separator}bread. "
            f"Received: {text!r}"
        )
    return items


def _split(option: str, text: str, separator: str) -> list[str]:
    if not separator:
        raise UserError("--separator: must not be empty")
    parts = [part.strip() for part in text.split(separator)]
    for part in parts:
        try:
            part.encode("utf-8")
        except UnicodeEncodeError as error:  # bytes of the command line that are no text come as lone surrogates
            raise UserError(f"{option}: expected text in UTF-8. Received: {part!r}") from error
    return parts
