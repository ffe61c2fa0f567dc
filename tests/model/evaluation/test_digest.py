import numpy as np

from model.data.batches import FUTURE_ITEMS, FUTURE_SCENES, NEXT_ITEM, NEXT_SCENE
from model.evaluation.evaluate import Digest, sequence_digests


def _batch(items=((5, 7), (7, -1)), scenes=((1,), (2,)), following=((5,), (7,))):
    columns = {FUTURE_ITEMS: items, FUTURE_SCENES: scenes, NEXT_ITEM: following, NEXT_SCENE: scenes}
    return {name: np.array(values, np.int64) for name, values in columns.items()}


def _digest(*batches):
    digest = Digest()
    for batch in batches:
        digest.add(sequence_digests(["u", "v"][: len(batch[NEXT_ITEM])], batch))
    return digest.hexdigest()


def test_padding_and_the_order_of_targets_change_nothing():
    wide = _batch(items=((-1, 7, 5), (7, -1, -1)))
    np.testing.assert_array_equal(sequence_digests(["u", "v"], wide), sequence_digests(["u", "v"], _batch()))


def test_users_and_futures_change_it():
    plain = sequence_digests(["u", "v"], _batch())
    for other in (
        sequence_digests(["w", "x"], _batch()),
        sequence_digests(["u", "v"], _batch(items=((5, 8), (8, -1)))),
        sequence_digests(["u", "v"], _batch(following=((7,), (8,)))),
        sequence_digests(["u", "v"], _batch(scenes=((2,), (3,)))),
        sequence_digests(["u", "v"], {**_batch(), NEXT_SCENE: np.array([[8], [9]], np.int64)}),
        sequence_digests(["u", "v"], {**_batch(), FUTURE_SCENES: np.array([[8], [9]], np.int64)}),
    ):
        assert not np.any(plain == other)


def test_the_order_of_sequences_changes_nothing_but_their_number_does():
    digests = np.array([3, -8, 12], np.int64)
    found = set()
    for order in ([0, 1, 2], [2, 0, 1]):
        digest = Digest()
        for place in order:
            digest.add(digests[[place]])
        found.add(digest.hexdigest())
    assert len(found) == 1
    assert _digest(_batch()) != _digest(_batch(), _batch())
