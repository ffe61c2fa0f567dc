import numpy as np
import pytest
from scipy import sparse

from model.baselines import cooccurrence
from tests.model.baselines.small_data import (
    MAX_LENGTH,
    TARGETS,
    asked_for,
    fitted,
    indices,
    item_and_scene_scores,
    known_catalogues,
    part,
    random_sequences,
    ranks,
)

DATA = random_sequences(tied=True)
CATALOGUES = known_catalogues(DATA)


def _counts(kind, target):
    """C[i, k] by loops over sequences, their histories and futures."""
    ids = list(CATALOGUES[kind].ids)
    counts = np.zeros([len(ids), len(ids)], np.float32)
    for one, (history, _) in zip(DATA, part(DATA, kind), strict=True):
        for before in set(history[-MAX_LENGTH:]) & set(ids):
            for after in asked_for(one, target):
                if after[kind] in ids:
                    counts[ids.index(before), ids.index(after[kind])] += 1
    return counts


@pytest.mark.parametrize("target", TARGETS)
def test_every_event_of_the_history_votes(tmp_path, target):
    network = fitted(cooccurrence.fit, tmp_path, DATA, target)
    histories = [[history for history, _ in part(DATA, kind)] for kind in range(2)]
    histories[0] += [["item1", "item2", "item2", "never seen", "item3"], ["never seen"]]
    histories[1] += [["scene1", "scene1", "never seen", "scene0"], []]
    found = item_and_scene_scores(network, *(indices(*pair) for pair in zip(histories, CATALOGUES, strict=True)))
    for kind, (catalogue, scores) in enumerate(zip(CATALOGUES, found, strict=True)):
        counts, ids = _counts(kind, target), list(catalogue.ids)
        for history, row in zip(histories[kind], scores, strict=True):
            read = [ids.index(raw_id) for raw_id in history if raw_id in ids][-MAX_LENGTH:]
            np.testing.assert_array_equal(row, counts[read].sum(axis=0) + ranks(catalogue))


@pytest.mark.parametrize("most", [0, 1, 3, 100])
def test_strongest(most):
    dense = np.random.RandomState(0).randint(4, size=[6, 11])
    dense[2] = 0
    found = cooccurrence.keep_strongest(sparse.csr_matrix(dense), most)
    expected = np.zeros_like(dense)
    for row, counts in enumerate(dense):
        for column in sorted(range(11), key=lambda column: (-counts[column], column))[:most]:
            expected[row, column] = counts[column]
    np.testing.assert_array_equal(found.toarray(), expected)
    assert found.has_sorted_indices


@pytest.mark.parametrize("products", [1, 7, 30, 1000])
def test_blocks_of_any_size_make_one_product(products):
    rng = np.random.RandomState(1)
    histories, futures = (sparse.csr_matrix(rng.binomial(2, 0.2, [15, 8]).astype(np.int32)) for _ in range(2))
    product = histories.toarray().T @ futures.toarray()
    found = cooccurrence._together(histories, futures, products=products)
    np.testing.assert_array_equal(found.toarray(), product)
    strongest = cooccurrence.keep_strongest(sparse.csr_matrix(product), 2)
    found = cooccurrence._together(histories, futures, 2, products)
    np.testing.assert_array_equal(found.toarray(), strongest.toarray())
    assert strongest.nnz < np.count_nonzero(product)
