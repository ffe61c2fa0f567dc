import numpy as np
import pytest

from components.report.user_vectors import map_users


def test_neighbours_stay_neighbours_and_a_run_repeats() -> None:
    rng = np.random.default_rng(0)
    groups = ["low"] * 40 + ["high"] * 40
    vectors = (rng.normal(size=(80, 6)) + 8 * np.repeat([[0], [1]], 40, axis=0)).astype(np.float32)
    first = map_users(vectors, groups)
    assert [point.group for point in first.points] == groups
    places = np.array([(point.x, point.y) for point in first.points])
    within = max(np.linalg.norm(part - part.mean(0), axis=1).mean() for part in (places[:40], places[40:]))
    assert np.linalg.norm(places[:40].mean(0) - places[40:].mean(0)) > 2 * within
    assert map_users(vectors, groups) == first
    assert first.method == "t-SNE of z_item, perplexity 26, seed 7"


def test_enough_users_have_the_usual_perplexity() -> None:
    vectors = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
    assert "perplexity 30," in map_users(vectors, ["low"] * 120).method


@pytest.mark.parametrize(("users", "points"), [(0, 0), (1, 0), (2, 0), (3, 3), (4, 4), (7, 7)])
@pytest.mark.parametrize("width", [1, 4])
def test_few_users(users: int, width: int, points: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(users, width)).astype(np.float32)
    found = map_users(vectors, ["low"] * users).points
    assert len(found) == points
    assert np.isfinite([(point.x, point.y) for point in found]).all()


def test_users_who_are_all_alike_have_no_map() -> None:
    assert map_users(np.ones([20, 4], np.float32), ["low"] * 20).points == ()
