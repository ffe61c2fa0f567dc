import re
from typing import Any

import pytest

from reporting.numbers import pointer
from tests.components.report.page_checks import SECTIONS, check, render
from tests.components.report.page_reader import Element, read_page
from tests.components.report.report_json import make_report_json


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return make_report_json()


@pytest.fixture(scope="module")
def page(document: dict[str, Any]) -> Element:
    return read_page(render(document))


def test_every_number_is_a_fact(document: dict[str, Any]) -> None:
    shown = {element.attributes["data-path"]: element.text() for element in check(document).all("data")}
    value = document["evaluation"]["models"]["DSPnet"]["metrics"]["next_item/recall@10"]["value"]
    assert shown["/evaluation/models/DSPnet/metrics/next_item~1recall@10/value"] == f"{value:.4f}"
    change = document["evaluation"]["differences"]["popularity"]["next_item/recall@10"]["value"]
    assert shown["/evaluation/differences/popularity/next_item~1recall@10/value"] == f"+{change:.4f}"
    assert shown["/data/balance/events_in"] == "1,469,307"
    assert shown["/data/density"] == "0.000989%"
    assert shown["/data/switches/switching"] == "36.9%"
    assert (shown["/evaluation/ties/share"], shown["/evaluation/ties/mean_items"]) == ("84.2%", "12.40")


def test_every_fact_is_shown(document: dict[str, Any], page: Element) -> None:
    shown = {element.attributes["data-path"] for element in page.all("data")}
    evaluation = document["evaluation"]
    wanted = {
        f"/data/table3/{row}/{key}"
        for row in range(4)
        for key in ("sequences", "events", "mean_history", "mean_future")
    }
    wanted |= {f"/data/balance/reasons/{reason}" for reason in document["data"]["balance"]["reasons"]}
    wanted |= {f"/data/switches/share/{row}/{column}" for row in range(9) for column in range(9)}
    wanted |= {f"/data/scene_shares/{row}/share" for row in range(len(document["data"]["scene_shares"]))}
    wanted |= {f"/data/lengths/sequences/{row}" for row in range(20)}
    wanted |= {
        pointer("training", "epochs", row, name)
        for row, epoch in enumerate(document["training"]["epochs"])
        for name in epoch
    }
    wanted |= {
        pointer("evaluation", "models", "DSPnet", "unknown_share", task) for task in ("next_item", "period_scenes")
    }
    wanted |= {f"/examples/{row}/recommended/{rank}/score" for row in range(10) for rank in range(10)}
    for model, found in evaluation["models"].items():
        for name in found["metrics"]:
            sliced = name.count("/") > 1
            ends = ("value", "low", "high")
            if sliced and (
                model == "own most frequent" or not re.match(r"(next_item|period_items)/(recall|ndcg)@10/", name)
            ):
                continue
            if sliced and model != "DSPnet":
                ends = ("value",)  # its interval is told by its mark
            wanted |= {pointer("evaluation", "models", model, "metrics", name, end) for end in ends}
    for model, differences in evaluation["differences"].items():
        for name in differences:
            if name.count("/") == 1:
                wanted |= {
                    pointer("evaluation", "differences", model, name, end)
                    for end in ("value", "low", "high", "p_value")
                }
    assert not wanted - shown


@pytest.mark.parametrize("section", ["verdict", "results"])
def test_no_number_stands_beside_the_facts(page: Element, section: str) -> None:
    def is_known(element: Element) -> bool:
        return element.tag in ("data", "svg") or "data-path" in element.attributes

    text = page.by_id(section).text(is_known).replace("95%", "")
    assert not re.findall(r"\d", re.sub(r"\w+@\d+", "", text)), text


def test_what_the_rules_watch_has_a_card_with_the_rival_of_the_rule(document: dict[str, Any]) -> None:
    """What no rule names has one only as a headline figure, and the user's own items are no rival by themselves."""
    metric = "period_items/map@10"
    plain = read_page(render(document)).by_id("verdict")
    settings = {**document["evaluation"]["settings"], "thresholds": {metric: 0.1}, "not_below": ["own_frequency"]}
    ruled = read_page(render({**document, "evaluation": {**document["evaluation"], "settings": settings}}))
    cards = [
        [card.all("h3")[0].text() for card in section.all("div")[1:]] for section in (plain, ruled.by_id("verdict"))
    ]
    assert cards[1] == ["Period items, MAP@10", *cards[0]]
    paths = {element.attributes["data-path"] for element in ruled.by_id("verdict").all("data")}
    assert pointer("evaluation", "differences", "own most frequent", metric, "value") in paths
    shown = {element.attributes["data-path"] for element in plain.all("data")}
    assert not any("own most frequent" in path for path in shown)


def test_nothing_comes_from_elsewhere(document: dict[str, Any]) -> None:
    text = render(document)
    page = read_page(text)
    ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    for element in page.all():
        assert element.tag not in ("script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use")
        assert "src" not in element.attributes and not any(name.startswith("on") for name in element.attributes)
        href = element.attributes.get("href", "#verdict")
        assert href[0] == "#" and href[1:] in ids
    assert not re.search(r"https?:|//[a-z]|url\(|@import|xlink", text)
    assert text == render(make_report_json()), "the same document, the same page"
    assert len(text.encode()) < 600_000


def test_the_page_can_be_read_without_seeing_it(page: Element) -> None:
    levels = [int(heading.tag[1]) for heading in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in zip(levels, levels[1:], strict=False))
    titles = {section.attributes["aria-labelledby"] for section in page.all("section")}
    assert titles == {heading.attributes["id"] for heading in page.all("h2")}
    (nav,) = page.all("nav")
    assert [link.attributes["href"] for link in nav.all("a")] == [f"#{name}" for name in SECTIONS]
    for svg in page.all("svg"):
        assert svg.attributes["role"] == "img" and svg.attributes["viewbox"]
        assert svg.children[0].tag == "title" and svg.children[0].text()
    for table in page.all("table"):
        assert len(table.all("caption")) == 1 and table.all("caption")[0].text()
        assert all("scope" in head.attributes for head in table.all("th"))


def test_hostile_names_are_only_names() -> None:
    names = (
        "<script>alert(1)</script>",
        "\"'><img src=x onerror=alert(1)>",
        "{{ 7 * 7 }}{% raw %}",
        "&amp;&lt;",
        "مشهد البحث",
        "‮drawkcab",
        "🛒🧑‍🤝‍🧑 cart",
        "x" * 300,
        "直播" * 40,
        "a/b~c~0~1",
        "</title></svg></style>",
        "  a \t b\n",
    )
    document = make_report_json(scenes=names, epochs=2, points=3)
    document["name"] = names[0]
    document["evaluation"]["verdict"]["reasons"] = list(names)
    document["origin"]["config_text"] = "".join(names)
    document["origin"]["source_digests"] = {name: name for name in names}
    document["data"]["balance"]["reasons"] = dict.fromkeys(names, 1)
    for example in document["examples"]:
        example["user"] = names[1]
        for event in (*example["history"], *example["recommended"], *example["truth"]):
            event |= {"item": names[0], "name": names[1]}
    page = check(document)
    assert not page.all("script", "img") and len(page.all("style")) == 1
    assert names[0] in page.by_id("examples").text() and page.all("h1")[0].text() == names[0]
    told = {element.attributes["title"] for element in page.by_id("data").all("th") if "title" in element.attributes}
    assert set(names[:8]) <= told, "what is cut is told when pointed at"
    whole = {title.text() for text in page.by_id("slices").all("text") for title in text.all("title")}
    assert names[7] in whole and names[0] in whole


def test_whether_a_difference_is_beyond_doubt() -> None:
    document = make_report_json(models=("DSPnet", "popularity"), points=3)
    differences = document["evaluation"]["differences"]["popularity"]
    differences["next_item/recall@10"] = {"value": 0.02, "low": 0.01, "high": 0.03, "p_value": 0.00001}
    differences["next_item/ndcg@10"] = {"value": -0.02, "low": -0.03, "high": -0.01, "p_value": 0.01}
    differences["period_items/recall@10"] = {"value": 0.02, "low": 0.0, "high": 0.03, "p_value": 0.2}
    differences["period_items/ndcg@10"] = {"value": -0.02, "low": -0.03, "high": 0.0, "p_value": 0.2}
    cards = [" ".join(card.text().split()) for card in check(document).by_id("verdict").of_class("card")]
    assert "+0.0200 [+0.0100, +0.0300] ▲ better" in cards[0]
    assert "-0.0200 [-0.0300, -0.0100] ▼ worse" in cards[1]
    assert "no clear difference" in cards[2] and "no clear difference" in cards[3]


def test_the_best_of_a_row_is_marked() -> None:
    document = make_report_json(models=("DSPnet", "popularity", "own most frequent"), points=3)
    for model, value in (("DSPnet", 0.1), ("popularity", 0.3), ("own most frequent", 0.3)):
        document["evaluation"]["models"][model]["metrics"]["next_item/recall@5"]["value"] = value
    table = check(document).by_id("results").of_class("results")[0]
    row = table.all("tbody")[0].all("tr")[0]
    assert [bool(cell.all("strong")) for cell in row.all("td")[:3]] == [False, True, True]


def test_hits_are_marked_on_both_sides(document: dict[str, Any], page: Element) -> None:
    hits = sum(event["hit"] for one in document["examples"] for event in (*one["recommended"], *one["truth"]))
    assert len(page.by_id("examples").of_class("hit")) == hits > 0
    assert page.by_id("examples").text().count("came true") == hits + 1
