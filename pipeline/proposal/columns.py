"""Roles of columns: which of them holds the user, the item, the scene and the time, by name and by content."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.proposal.dialect import looks_like_number
from pipeline.proposal.time_format import TimeFormat, detect_time_format
from schemas.errors import UserError

# Names in small letters and without anything but letters; of several that a log has, the first counts.
_USERS = (
    "userid", "user", "uid", "customerid", "customer", "visitorid", "visitor", "memberid", "clientid", "accountid",
    "householdid", "reviewerid", "personid", "buyerid", "playerid", "listenerid", "readerid", "patientid", "uuid",
    "usersha", "username", "userkey", "cookieid", "deviceid", "fullvisitorid", "sessionid", "session",
)  # fmt: skip
_ITEMS = (
    "itemid", "item", "iid", "productid", "product", "movieid", "articleid", "clickarticleid", "parentasin", "asin",
    "sku", "skuid", "stockcode", "trackid", "songid", "videoid", "newsid", "documentid", "docid", "contentid", "bookid",
    "isbn", "gameid", "businessid", "poiid", "venueid", "locationid", "offerid", "adid", "goodsid", "listingid",
    "recipeid", "animeid", "courseid", "jobid", "artistid", "pageid", "itemkey", "movie", "track", "url",
)  # fmt: skip
_TIMES = (
    "timestamp", "time", "datetime", "eventtime", "eventtimestamp", "ts", "date", "eventdate", "createdat", "created",
    "unixreviewtime", "clicktimestamp", "viewtime", "visittime", "purchasetime", "purchasedate", "orderdate",
    "invoicedate", "transactiondate", "tdat", "day", "dt", "reviewtime", "timeframe",
)  # fmt: skip
_SCENES = (
    "sceneid", "scene", "channel", "channelid", "saleschannelid", "saleschannel", "surface", "placement", "pagetype",
    "page", "tab", "section", "screen", "device", "devicetype", "devicegroup", "platform", "source", "referrer",
    "storeid", "store", "shopid", "market", "marketplace", "app", "module", "entrypoint",
)  # fmt: skip
_EVENT_TYPES = ("event", "eventtype", "behavior", "behaviortype", "behaviour", "behaviourtype", "action", "actiontype",
                "interaction", "interactiontype", "eventname", "type")  # fmt: skip
_RATINGS = ("rating", "overall", "stars", "score", "ratingscore", "reviewoverall")

_EVENT_WORDS = frozenset((
    "view", "pageview", "pv", "click", "clicks", "clickout", "impression", "show", "open", "read", "play", "listen",
    "watch", "like", "share", "fav", "favorite", "favourite", "wish", "wishlist", "cart", "addtocart", "add_to_cart",
    "remove_from_cart", "buy", "purchase", "order", "checkout", "transaction", "conversion", "install", "search",
))  # fmt: skip
_RATING_SCALES = (frozenset("12345"), frozenset("012345"))

MOST_SCENES = 300
MOST_EVENT_TYPES = 12


@dataclasses.dataclass(frozen=True)
class KeepCandidate:
    """A column by which a person may want to keep a part of the rows.

    Attributes:
        column: its name.
        values: what it holds in the sample, most frequent first; few.
        is_rating: whether these are ratings, so that a comparison suits better than a list.
    """

    column: str
    values: tuple[str, ...]
    is_rating: bool


@dataclasses.dataclass(frozen=True)
class Roles:
    """Which column holds what.

    Attributes:
        user: column of the user.
        item: column of the item.
        scene: column of the scene; None if none was found.
        time: column of the time.
        time_format: how it is written; None where the column's own type says it.
        other_scenes: columns that may hold the scene as well.
        keep: columns of event types and ratings.
        notes: what was a guess.
    """

    user: str
    item: str
    scene: str | None
    time: str
    time_format: TimeFormat | None
    other_scenes: tuple[str, ...]
    keep: tuple[KeepCandidate, ...]
    notes: tuple[str, ...]


def assign_roles(columns: Mapping[str, Sequence[str]], typed_times: Sequence[str], has_names: bool) -> Roles:
    """Decides which column holds what.

    Args:
        columns: text of the sampled rows by column.
        typed_times: columns whose type is a date or a time.
        has_names: whether the columns have names of their own.

    Raises:
        UserError: if a log has no column for the user, the item or the time; lists the columns there are.
    """
    notes: list[str] = []
    filled = {name: values for name, values in columns.items() if any(values)}
    telling = {name: values for name, values in filled.items() if _tells_apart(values)}
    user = _find_named(telling, _USERS) or _find_named(filled, _USERS)
    item = _find_named({name: values for name, values in columns.items() if name != user}, _ITEMS)
    free = {name: values for name, values in columns.items() if name not in (user, item)}
    formats = {name: detect_time_format(values) for name, values in free.items() if name not in typed_times}
    time = _find_time(free, typed_times, formats, notes)
    if time is None:
        raise UserError(
            f"No column holds times. {_list_columns(columns)} Expected one with unix seconds (or milli- or "
            "microseconds), ISO 8601, yyyymmdd or dates such as 31/12/2024; a log without times has no next item. If a "
            "column holds times that are written otherwise, write the configuration by hand, and their pattern, as "
            "strptime reads it, under source.time_pattern."
        )
    # Ids may look like unix seconds, but not like dates.
    dates = {name for name, format in formats.items() if format and not format.is_number} | {time, *typed_times}
    left = {name: values for name, values in free.items() if name not in dates}
    ids = [name for name in left if simplify_name(name) not in _TIMES and _may_be_id(left[name])]
    if user is None:
        user = _take(ids, "user", columns, notes)
    if item is None:
        item = _take(ids, "item", columns, notes)
    rest = {name: values for name, values in left.items() if name not in (user, item)}
    keep = _find_keep(rest)
    kept_names = {candidate.column for candidate in keep}
    places = {name: values for name, values in rest.items() if name not in kept_names}
    scene = _find_named(places, _SCENES)
    others = tuple(
        name for name, values in places.items() if name != scene and _may_be_scene(values, columns[user], columns[item])
    )
    if scene is None and has_names and len(others) == 1 and not keep:
        scene, others = others[0], ()
        notes.append(f"Column {scene!r} is taken for the scene, because it holds few values that change within users.")
    format = formats.get(time)
    if format is not None and format.alternative:
        notes.append(f"Times fit {format.pattern!r} and {format.alternative!r} alike; the first is taken.")
    return Roles(user, item, scene, time, format, others, keep, tuple(notes))


def simplify_name(name: str) -> str:
    """Returns a column's name as names are compared: small letters alone, without a type behind a colon.

    >>> simplify_name("user_id:token"), simplify_name("CustomerID")
    ('userid', 'customerid')
    """
    return re.sub(r"[^a-z]", "", name.partition(":")[0].lower())


def _find_named(columns: Mapping[str, Sequence[str]], known: Sequence[str]) -> str | None:
    """Returns the column whose name is the first of the known ones that occurs; None if none does."""
    names = {simplify_name(name): name for name in reversed(list(columns))}
    return next((names[name] for name in known if name in names), None)


def _find_time(
    columns: Mapping[str, Sequence[str]],
    typed: Sequence[str],
    formats: dict[str, TimeFormat | None],
    notes: list[str],
) -> str | None:
    """Returns the column of the time; None if there is none.

    A name for times counts most; after that a type for times or dates before numbers, which ids may look like.
    """
    known = {name: format for name, format in formats.items() if format}
    dates = [name for name in columns if name in typed or (name in known and not known[name].is_number)]
    times = dates + [name for name in known if name not in dates]
    if not times and (clock := _find_own_clock(columns)):
        formats[clock] = TimeFormat("unix_s")
        notes.append(
            f"Column {clock!r} holds numbers that are no times of these years; they are read as seconds of a clock."
        )
        return clock
    if not times:
        return None
    named = _find_named({name: columns[name] for name in times}, _TIMES)
    if len(times) > 1 and named is None:
        notes.append(f"Several columns may hold the time ({', '.join(times)}); {times[0]!r} is taken.")
    return named or times[0]


def _find_own_clock(columns: Mapping[str, Sequence[str]]) -> str | None:
    """Returns a column that is called a time and holds numbers, such as seconds since a user's first event."""
    numbers = {name: values for name, values in columns.items() if all(looks_like_number(v) for v in values if v)}
    return _find_named(numbers, _TIMES)


def _take(ids: list[str], role: str, columns: Mapping[str, Sequence[str]], notes: list[str]) -> str:
    """Takes the first of the columns that may hold ids, out of the list."""
    if not ids:
        raise UserError(
            f"No column can be told to hold the {role}. {_list_columns(columns)} Write the configuration by hand, and "
            "name it under source.columns."
        )
    name = ids.pop(0)
    notes.append(f"Column {name!r} is taken for the {role} because of its place; no name says so.")
    return name


def _list_columns(columns: Mapping[str, Sequence[str]]) -> str:
    names = list(columns)
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"Found the columns {shown}."


def _tells_apart(values: Sequence[str]) -> bool:
    """Tells whether no value, such as NA, stands in most of the rows."""
    return Counter(values).most_common(1)[0][1] <= max(len(values) // 2, 10)


def _may_be_id(values: Sequence[str]) -> bool:
    """Tells whether values may be ids of users or items: not fractions, not free text, more than a few."""
    filled = [value for value in values if value]
    if not filled or any(len(value) > 200 for value in filled):
        return False
    fraction = any("." in value and looks_like_number(value) and not float(value).is_integer() for value in filled)
    return not fraction and len(set(filled)) > min(5, len(filled) // 4)


def _find_keep(columns: Mapping[str, Sequence[str]]) -> tuple[KeepCandidate, ...]:
    found = []
    for name, values in columns.items():
        filled = [value for value in values if value]
        distinct = sorted(set(filled), key=lambda value: (-filled.count(value), value)) if len(set(filled)) < 50 else []
        words = {value.lower().replace(" ", "") for value in distinct}
        is_rating = len(distinct) > 1 and (
            simplify_name(name) in _RATINGS or (words in _RATING_SCALES and name.startswith("column_"))
        )
        if is_rating and all(map(looks_like_number, distinct)):
            found.append(KeepCandidate(name, tuple(sorted(distinct, key=float)), True))
        elif 1 < len(distinct) <= MOST_EVENT_TYPES and (simplify_name(name) in _EVENT_TYPES or words <= _EVENT_WORDS):
            found.append(KeepCandidate(name, tuple(distinct), False))
    return tuple(found)


def _may_be_scene(values: Sequence[str], users: Sequence[str], items: Sequence[str]) -> bool:
    """Tells whether a column may hold scenes: few values, which are no mere property of the item or of the user."""
    distinct = set(values) - {""}
    if not 1 < len(distinct) <= min(MOST_SCENES, max(len(values) // 20, 2)):
        return False
    if any("." in value and looks_like_number(value) for value in distinct):
        return False
    return _varies_within(values, users) and _varies_within(values, items)


def _varies_within(values: Sequence[str], ids: Sequence[str]) -> bool:
    first: dict[str, str] = {}
    return any(first.setdefault(key, value) != value for key, value in zip(ids, values, strict=True))
