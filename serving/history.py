"""Histories as a person types them."""

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
        ValueError: if an event lacks its item or its scene.
    """
    items, scenes = [], []
    for place, event in enumerate(text.split(separator), start=1):
        item, _, scene = event.strip().rpartition(SCENE_SEPARATOR)
        if not item or not scene:
            raise ValueError(
                f"--history: event {place} must be written item{SCENE_SEPARATOR}scene, as in "
                f"milk:search{separator}bread:cart. "
                f"Received: {event!r}"
            )
        items.append(item)
        scenes.append(scene)
    return items, scenes
