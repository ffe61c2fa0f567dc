import numpy as np
import pytest
import tensorflow as tf

from components.report.user_vectors import embed_users, recommend
from components.report.users import ShownUser
from schemas.identity import fingerprints
from tests import served_model

STRANGE = np.array([17], np.int64)
"""The fingerprint of nothing in the catalogue."""


@pytest.fixture(scope="module")
def served():
    return served_model.build()


def user(*events: int, strange: bool = False) -> ShownUser:
    items = fingerprints([f"item{event % 12}" for event in events]).astype(np.int64)
    scenes = fingerprints([f"scene{event % 3}" for event in events]).astype(np.int64)
    if strange:
        items, scenes = np.append(items, STRANGE), np.append(scenes, STRANGE)
    times = 86_400 * np.arange(1, len(items) + 1)
    return ShownUser("u", "low", items, scenes, STRANGE, STRANGE, times, times[-1:] + 3_600)


def request(one: ShownUser) -> list[tf.Tensor]:
    """What a model is asked about one user."""
    histories = one.history_items, one.history_scenes, one.history_times
    return [*(tf.constant(x[np.newaxis]) for x in histories), tf.constant(one.cutoff)]


USERS = [user(1, 2, 3), user(4), user(5, 6, 7, 8, 9), user(3, strange=True), user(2, 2)]


def test_each_user_gets_the_vector_of_its_own_history(served, monkeypatch) -> None:
    monkeypatch.setattr("components.report.user_vectors.BATCH_SIZE", 2)
    vectors = embed_users(served.module, USERS, served.items, served.scenes)
    assert vectors.shape == (5, served_model.MODEL["item_dim"])
    for place, one in enumerate(USERS):
        _, known = served.module._ask(*request(one))
        np.testing.assert_allclose(vectors[place], known.z_item[0], atol=1e-5, err_msg=str(place))
    assert len(np.unique(vectors.round(4), axis=0)) == len(USERS)


def test_recommendations_are_the_model_s(served) -> None:
    answers = list(recommend(served.module, USERS, 3))
    for one, answer in zip(USERS, answers, strict=True):
        alone = served.module.recommend_fingerprints(*request(one))
        assert [raw_id for raw_id, _ in answer] == [raw_id.decode() for raw_id in alone["item_ids"].numpy()[0, :3]]
        assert [score for _, score in answer] == pytest.approx(alone["item_scores"].numpy()[0, :3], abs=1e-5)
