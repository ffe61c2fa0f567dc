"""Small files in exactly the formats of the public logs in configs/, made up."""

import csv
import datetime
import gzip
import json
import pathlib
import random
from collections.abc import Callable, Iterator

USERS, ITEMS, EVENTS = 60, 25, 12
"""Numbers of users and of items, and of the events of a user."""

UTC = datetime.timezone.utc


def make_times(first: str, last: str, seed: int) -> Iterator[tuple[int, int, datetime.datetime]]:
    """Yields user, item and time of each event, by rising time within a user, all over the days of a log."""
    rng = random.Random(seed)
    begin, end = (datetime.datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
    for user in range(1, USERS + 1):
        seconds = sorted(rng.sample(range(int((end - begin).total_seconds())), EVENTS))
        for second in seconds:
            yield user, rng.randint(1, ITEMS), begin + datetime.timedelta(seconds=second)


def _write_lines(path: pathlib.Path, lines: list[str], newline: str = "\n") -> None:
    path.write_bytes("".join(line + newline for line in lines).encode())


def _seconds(time: datetime.datetime) -> int:
    return int(time.timestamp())


def _rate(rng: random.Random, separator: str, first: str, last: str, seed: int) -> list[str]:
    return [
        separator.join(map(str, (user, item, rng.randint(1, 5), _seconds(time))))
        for user, item, time in make_times(first, last, seed)
    ]


def make_movielens_100k(folder: pathlib.Path) -> pathlib.Path:
    rng = random.Random(1)
    rows = _rate(rng, "\t", "1997-09-20", "1998-04-22", 1)
    rng.shuffle(rows)
    _write_lines(folder / "u.data", rows)
    return folder / "u.data"


def make_movielens_1m(folder: pathlib.Path) -> pathlib.Path:
    _write_lines(folder / "ratings.dat", _rate(random.Random(2), "::", "2000-04-25", "2003-02-28", 2))
    return folder / "ratings.dat"


def make_movielens_20m(folder: pathlib.Path) -> pathlib.Path:
    rng = random.Random(3)
    rows = [
        f"{user},{item},{rng.randint(1, 10) / 2},{_seconds(time)}"
        for user, item, time in make_times("1995-01-09", "2015-03-31", 3)
    ]
    _write_lines(folder / "ratings.csv", ["userId,movieId,rating,timestamp", *rows], "\r\n")
    return folder / "ratings.csv"


def make_retailrocket(folder: pathlib.Path) -> pathlib.Path:
    rng = random.Random(4)
    rows = []
    for user, item, time in make_times("2015-05-03", "2015-09-18", 4):
        event = rng.choice(["view"] * 8 + ["addtocart", "transaction"])
        transaction = rng.randint(1, 17000) if event == "transaction" else ""
        rows.append(f"{_seconds(time) * 1000 + rng.randrange(1000)},{user},{event},{item},{transaction}")
    rng.shuffle(rows)
    _write_lines(folder / "events.csv", ["timestamp,visitorid,event,itemid,transactionid", *rows])
    return folder / "events.csv"


def make_taobao(folder: pathlib.Path) -> pathlib.Path:
    rng = random.Random(5)
    rows = [
        f"{user},{item},{item % 7},{rng.choice(['pv'] * 8 + ['fav', 'cart', 'buy'])},{_seconds(time)}"
        for user, item, time in make_times("2017-11-24 16:00", "2017-12-03 16:00", 5)
    ]
    # The original has such times, too.
    rows += ["7,9,2,pv,-2134949234", "8,9,2,pv,1234", "9,9,2,pv,2122867355"]
    _write_lines(folder / "UserBehavior.csv", rows)
    return folder / "UserBehavior.csv"


def make_yoochoose(folder: pathlib.Path) -> pathlib.Path:
    rng = random.Random(6)
    rows = []
    for session in range(1, USERS + 1):
        time = datetime.datetime(2014, 4, 1, tzinfo=UTC) + datetime.timedelta(minutes=rng.randrange(260_000))
        for _ in range(rng.randint(1, 9)):
            time += datetime.timedelta(milliseconds=rng.randrange(1_000, 300_000))
            stamp = f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
            context = rng.choice(["0", "S", "1", "2", "12", "2089102719"])
            rows.append(f"{session},{stamp},{214_500_000 + rng.randint(1, ITEMS)},{context}")
    _write_lines(folder / "yoochoose-clicks.dat", rows)
    return folder / "yoochoose-clicks.dat"


def make_amazon_reviews(folder: pathlib.Path) -> pathlib.Path:
    rng = random.Random(7)
    path = folder / "All_Beauty.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for user, item, time in make_times("2017-09-01", "2023-09-10", 7):
            review = {
                "rating": float(rng.randint(1, 5)),
                "title": 'Such a lovely "scent" but not overpowering.',
                "text": "Très bien,\nwould buy again",
                "images": [{"small_image_url": "s.jpg"}] if rng.random() < 0.2 else [],
                "asin": f"B00YQ6X8{item:02d}",
                "parent_asin": f"B00YQ6X8{item:02d}",
                "user_id": f"AGKHLEW2SOWHNMFQIJGBECAF7{user:03d}",
                "timestamp": _seconds(time) * 1000 + 923,
                "helpful_vote": rng.randrange(4),
                "verified_purchase": rng.random() < 0.9,
            }
            file.write(json.dumps(review) + "\n")
    return path


def make_h_and_m(folder: pathlib.Path) -> pathlib.Path:
    rng = random.Random(8)
    path = folder / "transactions_train.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["t_dat", "customer_id", "article_id", "price", "sales_channel_id"])
        rows = [
            (f"{time:%Y-%m-%d}", f"{user:064x}", f"0{663713000 + item}", 0.050830508474576264, rng.randint(1, 2))
            for user, item, time in make_times("2020-07-01", "2020-09-23", 8)
        ]
        writer.writerows(sorted(rows))
    return path


def make_diginetica(folder: pathlib.Path) -> pathlib.Path:
    rng = random.Random(9)
    rows = ["sessionId;userId;itemId;timeframe;eventdate"]
    for session in range(1, USERS + 1):
        user = rng.choice(["NA", "NA", str(rng.randint(1, 9))])
        day = datetime.date(2016, 1, 1) + datetime.timedelta(days=rng.randrange(150))
        views = [
            f"{session};{user};{rng.randint(1, ITEMS)};{time};{day}"
            for time in rng.sample(range(1000, 2_000_000), rng.randint(1, 9))
        ]
        rows += views
    _write_lines(folder / "train-item-views.csv", rows)
    return folder / "train-item-views.csv"


def make_instacart(folder: pathlib.Path) -> pathlib.Path:
    """Makes the three original files, which are joined by the lines of Python in docs/your-own-log.md."""
    rng = random.Random(10)
    orders = ["order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day,days_since_prior_order"]
    lines = {"prior": ["order_id,product_id,add_to_cart_order,reordered"]}
    lines["train"] = lines["prior"][:]
    order = 0
    for user in range(1, USERS + 1):
        count = rng.randint(4, 8)
        for number in range(1, count + 1):
            order += 1
            part = "prior" if number < count else rng.choice(["train", "test"])
            days = "" if number == 1 else f"{rng.randint(0, 30)}.0"
            orders.append(f"{order},{user},{part},{number},{rng.randrange(7)},{rng.randrange(8, 20):02d},{days}")
            if part in lines:  # what the test orders hold is not published
                lines[part] += [
                    f"{order},{product},{place},0"
                    for place, product in enumerate(rng.sample(range(1, ITEMS + 1), rng.randint(1, 6)), 1)
                ]
    _write_lines(folder / "orders.csv", orders)
    for part, rows in lines.items():
        _write_lines(folder / f"order_products__{part}.csv", rows)
    return folder / "instacart.parquet"


def make_recbole_inter(folder: pathlib.Path) -> pathlib.Path:
    rng = random.Random(11)
    rows = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    rows += [
        f"{user}\t{item}\t{rng.randint(1, 5)}\t{_seconds(time)}"
        for user, item, time in make_times("1997-09-20", "1998-04-22", 11)
    ]
    _write_lines(folder / "ml-100k.inter", rows)
    return folder / "ml-100k.inter"


MAKERS: dict[str, Callable[[pathlib.Path], pathlib.Path]] = {
    "movielens_100k": make_movielens_100k,
    "movielens_1m": make_movielens_1m,
    "movielens_20m": make_movielens_20m,
    "retailrocket": make_retailrocket,
    "taobao": make_taobao,
    "yoochoose": make_yoochoose,
    "amazon_reviews": make_amazon_reviews,
    "h_and_m": make_h_and_m,
    "diginetica": make_diginetica,
    "instacart": make_instacart,
    "recbole_inter": make_recbole_inter,
}
"""Functions that make the log of a configuration in a folder and return its path, by the configuration's name."""
