"""Whole evaluations against plain Python, and what must not change them."""

import collections
import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from model.data.batches import evaluation_batches
from model.data.vocabulary import FingerprintTable
from model.evaluation.comparison import compare
from model.evaluation.evaluate import evaluate
from model.evaluation.pairing import MeasuredSequences
from model.evaluation.slices import OTHER_SCENE
from model.evaluation.tasks import TASKS
from tests.model.evaluation.slow_ranking import metrics as slow_metrics
from tests.model.evaluation.slow_ranking import ranking
from tests.sequence_data import Sequence, catalogues, write_examples

KS = (1, 3)
ITEMS, SCENES = 30, 4


class Answer:
    """Scores by the last item (scene) alone, in whole numbers with many ties; items of the history gain 2."""

    def __init__(self, items, scenes, seed):
        rng = np.random.default_rng(seed)
        self.item_matrix = rng.integers(0, 6, [len(items) + 2, len(items)]).astype(np.float32)
        self.scene_matrix = rng.integers(0, 3, [len(scenes) + 2, len(scenes)]).astype(np.float32)
        self._items, self._scenes = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)

    def encode(self, items, scenes, times, now):
        indices = self._items(items)
        queries = tf.gather(self.item_matrix, _last(indices))
        known = tf.logical_and(indices > 0, indices <= self._items.size)
        cells = tf.unique(tf.boolean_mask(tf.range(tf.shape(items)[0])[:, tf.newaxis] * 1000 + indices - 1, known)).y
        rows, columns = tf.cast(cells // 1000, tf.int64), tf.cast(cells % 1000, tf.int64)
        return {
            "queries": queries,
            "rows": rows,
            "columns": columns,
            "scores": tf.gather_nd(queries, tf.stack([rows, columns], axis=1)) + 2,
            "scene_scores": tf.gather(self.scene_matrix, _last(self._scenes(scenes))),
        }

    def item_scores(self, queries, start, stop):
        return queries[:, start:stop]

    def item_scores_at(self, queries, rows, columns):
        return tf.gather_nd(queries, tf.stack([rows, columns], axis=1)), tf.zeros_like(rows, tf.float32)


class Ranker:
    """Answers each question with scores of its own."""

    def __init__(self, items, scenes, seed, questions=("next", "period")):
        self.item_fingerprints = tf.constant(items.fingerprints)
        self.scene_fingerprints = tf.constant(scenes.fingerprints)
        self.answers = {question: Answer(items, scenes, [seed, len(question)]) for question in questions}


def _last(indices):
    last = tf.reduce_sum(tf.cast(indices > 0, tf.int32), axis=1) - 1
    return tf.gather(indices, last, batch_dims=1)


def _walks(number, seed):
    """Random sequences; popular items are frequent, and a few ids are in no catalogue."""
    rng = np.random.default_rng(seed)

    def events(count):
        items = np.minimum(rng.zipf(1.4, count), ITEMS + 2)
        return [(f"item{item}", f"scene{rng.integers(SCENES)}") for item in items]

    made = []
    for _ in range(number):
        history, future = events(rng.integers(1, 9)), events(rng.integers(1, 5))
        # Half of the futures have several events at their earliest time.
        made.append(Sequence(history, future, None, np.sort(rng.integers(0, 4, len(future))).tolist()))
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    train = [s for s in _walks(120, 0) if all(item != f"item{ITEMS + 2}" for item, _ in s.history + s.future)]
    test = _walks(40, 1)
    file = write_examples(tmp_path_factory.mktemp("evaluation") / "data.gz", test)
    items, scenes = catalogues(train)
    rankers = {"A": Ranker(items, scenes, 1), "B": Ranker(items, scenes, 2)}
    return items, scenes, rankers, test, file


@pytest.fixture(scope="module")
def result(data):
    items, scenes, rankers, _, file = data
    tables = []
    return evaluate(rankers, evaluation_batches([file], 16), items, scenes, KS, sink=tables.append), tables


def _slow(ranker, items, scenes, test):
    """Per sequence and task: metrics, or None where nothing is asked for."""
    columns = {raw_id: n for n, raw_id in enumerate(items.ids)}
    places = {raw_id: n for n, raw_id in enumerate(scenes.ids)}
    rows = []
    for sequence in test:
        history, future = [i for i, _ in sequence.history], [i for i, _ in sequence.future]
        scores, scene_scores = {}, {}
        for question, answer in ranker.answers.items():
            scores[question] = answer.item_matrix[columns.get(history[-1], len(items)) + 1].copy()
            for item in set(history) & set(columns):
                scores[question][columns[item]] += 2
            scene_scores[question] = answer.scene_matrix[places[sequence.history[-1][1]] + 1]
        new = [item for item in future if item not in history]
        first = sequence.future_times[0]
        following = [event for event, time in zip(sequence.future, sequence.future_times, strict=True) if time == first]
        next_items, next_scenes = [item for item, _ in following], [scene for _, scene in following]
        seen = {columns[item] for item in history if item in columns}
        asked = {
            "next_item": (scores["next"], next_items, columns, ()),
            "period_items": (scores["period"], future, columns, ()),
            "next_scene": (scene_scores["next"], next_scenes, places, ()),
            "period_scenes": (scene_scores["period"], [s for _, s in sequence.future], places, ()),
            "next_unseen_item": (scores["next"], [item for item in next_items if item in new], columns, seen),
            "period_unseen_items": (scores["period"], new, columns, seen),
        }
        row = {}
        for task, (s, targets, index, excluded) in asked.items():
            relevant = {index.get(t, t) for t in targets}
            order = ranking(s, relevant, excluded)
            row[task] = (slow_metrics(order, relevant, KS) if relevant else None, order, targets)
        rows.append(row)
    return rows


def test_means_equal_plain_python(data, result):
    items, scenes, rankers, test, _ = data
    evaluation, _ = result
    assert evaluation.sequences == 40
    for name, ranker in rankers.items():
        rows = _slow(ranker, items, scenes, test)
        found = evaluation.models[name].metrics
        for task in TASKS:
            values = [row[task][0] for row in rows if row[task][0]]
            for metric in values[0]:
                mine = found[f"{task}/{metric}"]
                assert mine.value == pytest.approx(np.mean([v[metric] for v in values]), abs=1e-6), (task, metric)
                assert mine.sequences == len(values)
                assert mine.low <= mine.value <= mine.high
        targets = [t for row in rows for t in set(row["period_items"][2])]
        unknown = [t for t in targets if t not in set(items.ids)]
        assert unknown and evaluation.models[name].unknown_share["period_items"] == pytest.approx(
            len(unknown) / len(targets)
        )


@pytest.mark.parametrize("questions", [("prefix",), ("period",)])
def test_one_answer_is_the_answer_to_both_questions(data, questions):
    """Where a model has an answer for each, and they are the same, nothing else is measured."""
    items, scenes, _, _, file = data
    one = Ranker(items, scenes, 1, questions)
    both = Ranker(items, scenes, 1)
    both.answers = dict.fromkeys(both.answers, one.answers[questions[0]])
    alone, twice = (
        evaluate({"A": ranker}, evaluation_batches([file], 16), items, scenes, KS).models["A"] for ranker in (one, both)
    )
    assert alone.metrics == twice.metrics and alone.unknown_share == twice.unknown_share


def test_slices_equal_plain_python(data, result):
    items, scenes, rankers, test, _ = data
    evaluation, _ = result
    rows = _slow(rankers["A"], items, scenes, test)
    found = evaluation.models["A"].metrics
    counts = dict(zip(items.ids, items.counts, strict=True))
    for scene in ("scene0", "scene1"):
        values = [r["next_item"][0]["ndcg@3"] for r, s in zip(rows, test, strict=True) if s.history[-1][1] == scene]
        assert found[f"next_item/ndcg@3/scene={scene}"].value == pytest.approx(np.mean(values), abs=1e-6)
        assert evaluation.slices[f"scene={scene}"].sequences == len(values)
    assert f"next_item/ndcg@3/{OTHER_SCENE}" not in found
    groups = [[], [], []]
    low, medium = (int(evaluation.slices[f"group={g}"].title.split()[-2]) for g in ("low", "medium"))
    for row, sequence in zip(rows, test, strict=True):
        group = sum(len(sequence.history) > longest for longest in (low, medium))
        groups[group].append(row["period_items"][0]["recall@3"])
    for name, values in zip(("low", "medium", "high"), groups, strict=True):
        assert found[f"period_items/recall@3/group={name}"].value == pytest.approx(np.mean(values), abs=1e-6)
    columns = {raw_id: n for n, raw_id in enumerate(items.ids)}
    cold = []
    for row in rows:
        _, order, targets = row["period_items"]
        asked = {columns.get(t, t) for t in targets if counts.get(t, 0) < 5}
        if asked:
            cold.append(len(asked & set(order[:3])) / len(asked))
    assert found["period_items/recall@3/cold"].sequences == len(cold) == evaluation.slices["cold"].sequences
    assert found["period_items/recall@3/cold"].value == pytest.approx(np.mean(cold), abs=1e-6)
    assert "period_items/mrr/cold" not in found
    # The first of several next items may be one of another slice, so all of them have to be in this one.
    alone = [
        row["next_item"][0]["mrr"] for row in rows if all(counts.get(target, 0) < 5 for target in row["next_item"][2])
    ]
    assert found["next_item/mrr/cold"].sequences == len(alone) < found["next_item/recall@3/cold"].sequences
    assert found["next_item/mrr/cold"].value == pytest.approx(np.mean(alone), abs=1e-6)


def test_ties_are_told(data, result):
    *_, test, _ = data
    following = [
        {item for (item, _), time in zip(s.future, s.future_times, strict=True) if time == s.future_times[0]}
        for s in test
    ]
    ties = result[0].ties
    assert ties.share == pytest.approx(np.mean([len(items) > 1 for items in following])) and 0 < ties.share < 1
    assert ties.mean_items == pytest.approx(np.mean([len(items) for items in following]))


def test_where_nothing_ties_the_order_of_the_times_is_all_that_matters(data, tmp_path):
    """One next item a sequence: the metrics of the first event of the future, to the last digit."""
    items, scenes, rankers, test, _ = data
    apart = [Sequence(s.history, s.future, None, range(len(s.future))) for s in test]
    alone = [Sequence(s.history, s.future[:1], None, [0]) for s in test]
    both = []
    for name, sequences in (("apart", apart), ("alone", alone)):
        file = write_examples(tmp_path / f"{name}.gz", sequences)
        both.append(evaluate(rankers, evaluation_batches([file], 16), items, scenes, KS))
    assert both[0].ties.share == both[1].ties.share == 0 and both[0].ties.mean_items == 1
    for task in ("next_item", "next_scene", "next_unseen_item"):
        one, other = ({n: m for n, m in e.models["A"].metrics.items() if n.startswith(f"{task}/")} for e in both)
        assert one == other
    assert (
        both[0].models["A"].metrics["next_item/recall@1"].value
        == both[0].models["A"].metrics["next_item/hit_rate@1"].value
    )


def test_lists_equal_plain_python(data, result):
    items, scenes, rankers, test, _ = data
    evaluation, _ = result
    found = evaluation.models["A"].metrics
    rows = _slow(rankers["A"], items, scenes, test)
    total = items.counts.sum() + len(items) + 1
    for kind, task in (("items", "period_items"), ("unseen_items", "period_unseen_items")):
        rows_asked = [row[task] for row in rows if row[task][0]]
        tops = [_by_column(rankers["A"], items, sequence, order)[:3] for sequence, order in _pairs(rows, test, task)]
        assert found[f"{kind}/coverage@3"].value == pytest.approx(len({c for top in tops for c in top}) / len(items))
        information = [np.mean([-math.log2((items.counts[c] + 1) / total) for c in top]) for top in tops]
        assert found[f"{kind}/novelty@3"].value == pytest.approx(np.mean(information), abs=1e-5)
        counts = collections.defaultdict(int, zip(items.ids, items.counts, strict=True))
        shown = np.mean([np.mean([items.counts[c] for c in top]) for top in tops])
        chosen = np.mean([np.mean([counts[t] for t in set(targets)]) for _, _, targets in rows_asked])
        assert found[f"{kind}/popularity_bias@3"].value == pytest.approx(shown / chosen, rel=1e-5)


def _pairs(rows, test, task):
    return [(s, row[task][1]) for row, s in zip(rows, test, strict=True) if row[task][0]]


def _by_column(ranker, items, sequence, order):
    """What is shown: of equal scores the lower column first, whatever is asked for."""
    columns = {raw_id: n for n, raw_id in enumerate(items.ids)}
    scores = ranker.answers["period"].item_matrix[columns.get(sequence.history[-1][0], len(items)) + 1].copy()
    for item in {item for item, _ in sequence.history} & set(columns):
        scores[columns[item]] += 2
    return sorted(order, key=lambda c: (-scores[c], c))


def test_differences_are_paired(data, result):
    items, scenes, rankers, test, _ = data
    evaluation, _ = result
    a, b = (evaluation.models[name].metrics for name in "AB")
    differences = evaluation.differences["B"]
    assert set(differences) == {name for name in a if "coverage" not in name}
    rows = [_slow(rankers[name], items, scenes, test) for name in "AB"]
    for name in ("next_item/ndcg@3", "period_items/map@3"):
        task, metric = name.split("/")
        pairs = [[row[task][0][metric] for row in one] for one in rows]
        assert differences[name].p_value == pytest.approx(stats.ttest_rel(*pairs).pvalue, rel=1e-4)
    for name, difference in differences.items():
        assert difference.value == pytest.approx(a[name].value - b[name].value, abs=1e-9)
        assert difference.low <= difference.value + 1e-9 and difference.value <= difference.high + 1e-9


def test_tells_each_sequence(data, result):
    evaluation, tables = result
    assert [len(table.users) for table in tables] == [16, 16, 8]
    for name in ("next_item/recall@3", "period_unseen_items/ndcg@3", "items/novelty@1"):
        values = np.concatenate([table.metrics[name] for table in tables])
        assert np.nanmean(values) == pytest.approx(evaluation.models["A"].metrics[name].value, abs=1e-6)
        assert np.count_nonzero(~np.isnan(values)) == evaluation.models["A"].metrics[name].sequences
    numbers = np.concatenate([table.sequences for table in tables])
    assert len(np.unique(numbers)) == 40


def _padded(batch):
    """More padding, anywhere but at the start of histories: the ranker of these tests looks for their end."""
    sides = {"history": [[0, 0], [0, 3]], "future": [[0, 0], [2, 1]]}
    return {
        name: tf.pad(values, sides[name.split("_")[0]], constant_values=-1) if name.split("_")[0] in sides else values
        for name, values in batch.items()
    }


def test_batches_chunks_order_and_padding_change_nothing(data, result, tmp_path):
    items, scenes, rankers, test, _ = data
    evaluation, _ = result
    # The user's id is the place in the file, so it has to move with the sequence.
    order = np.random.default_rng(3).permutation(40)
    file = write_examples(tmp_path / "data.gz", [test[n] for n in order], users=order)
    batches = evaluation_batches([file], 7).map(_padded)
    again = evaluate(rankers, batches, items, scenes, KS, chunk_scores=40)
    assert again.digest == evaluation.digest and again.slices == evaluation.slices
    for name in rankers:
        before, after = evaluation.models[name].metrics, again.models[name].metrics
        assert list(before) == list(after)
        for metric, estimate in before.items():
            assert dataclasses.astuple(after[metric]) == pytest.approx(dataclasses.astuple(estimate), abs=1e-9), metric


@pytest.mark.parametrize("number", [0, 1])
def test_too_few_sequences_are_refused(data, tmp_path, number):
    items, scenes, rankers, test, _ = data
    file = write_examples(tmp_path / "few.gz", test[:number])
    with pytest.raises(ValueError, match=f"test split has {number}, and an interval needs two"):
        evaluate(rankers, evaluation_batches([file], 4), items, scenes, KS)


def test_futures_that_nobody_could_know_are_measured_too(data, tmp_path):
    """Nothing is known of the popularity of what was chosen then, so there is no bias; all else is finite."""
    items, scenes, rankers, test, _ = data
    new = [Sequence(sequence.history, [("never seen", "scene0")]) for sequence in test[:3]]
    file = write_examples(tmp_path / "new.gz", new)
    evaluation = evaluate(rankers, evaluation_batches([file], 4), items, scenes, KS)
    found = evaluation.models["A"].metrics
    assert found["next_item/recall@3"].value == 0.0 and "items/popularity_bias@3" not in found
    numbers = [x for e in found.values() for x in dataclasses.astuple(e)]
    numbers += [x for e in evaluation.differences["B"].values() for x in dataclasses.astuple(e)]
    assert all(math.isfinite(x) for x in numbers)
    assert evaluation.models["A"].unknown_share["next_item"] == 1.0
    for name, slice_ in evaluation.slices.items():
        assert (f"next_item/recall@3/{name}" in found) == (slice_.sequences > 1)


def _clustered_p_value(differences, users):
    """The t-test of a mean of per-user sums, whose variance takes the sequences of a user together."""
    known = ~np.isnan(differences)
    people = sorted(set(np.asarray(users)[known]))
    of_user = [differences[known & (np.asarray(users) == user)] for user in people]
    mean = sum(map(sum, of_user)) / sum(map(len, of_user))
    squares = sum(sum(d - mean for d in one) ** 2 for one in of_user)
    error = math.sqrt(squares * len(people) / (len(people) - 1)) / sum(map(len, of_user))
    return 2 * stats.t.sf(abs(mean) / error, len(people) - 1)


def test_users_with_several_sequences_count_once(data, tmp_path):
    """The evaluation and a comparison of two runs tell one p-value, whatever the order and the batches."""
    items, scenes, rankers, test, _ = data
    users = np.random.default_rng(5).integers(0, 17, len(test))
    file = write_examples(tmp_path / "several.gz", test, users=users)
    measured = {}
    for name, ranker in rankers.items():
        tables = []
        evaluate({name: ranker}, evaluation_batches([file], 16), items, scenes, KS, sink=tables.append)
        measured[name] = MeasuredSequences(
            users=np.concatenate([np.array(table.users, np.bytes_) for table in tables]),
            sequences=np.concatenate([table.sequences for table in tables]),
            groups=np.concatenate([table.groups for table in tables]),
            metrics={m: np.concatenate([table.metrics[m] for table in tables]) for m in tables[0].metrics},
        )
    compared = compare(measured["B"], measured["A"], list(measured["A"].metrics)).metrics
    found = evaluate(rankers, evaluation_batches([file], 16), items, scenes, KS).differences["B"]
    order = np.random.default_rng(6).permutation(len(test))
    shuffled = write_examples(tmp_path / "shuffled.gz", [test[n] for n in order], users=users[order])
    again = evaluate(rankers, evaluation_batches([shuffled], 5), items, scenes, KS).differences["B"]
    for metric in ("next_item/ndcg@3", "period_items/recall@3", "next_scene/mrr", "period_unseen_items/map@3"):
        differences = measured["A"].metrics[metric].astype(float) - measured["B"].metrics[metric]
        expected = _clustered_p_value(differences, measured["A"].users.tolist())
        assert found[metric].p_value == pytest.approx(expected, rel=1e-6), metric
        assert again[metric].p_value == pytest.approx(found[metric].p_value, rel=1e-9), metric
        assert compared[metric].p_value == pytest.approx(expected, rel=1e-6), metric
        assert compared[metric].difference.value == pytest.approx(found[metric].value, rel=1e-6), metric
        by_sequence = stats.ttest_1samp(differences[~np.isnan(differences)], 0).pvalue
        assert abs(by_sequence - expected) > 1e-3, "by sequence the test would tell another p-value"


def test_a_second_reading_that_gives_other_users_is_refused(data, tmp_path):
    items, scenes, rankers, test, _ = data
    readings = iter(
        evaluation_batches([write_examples(tmp_path / f"{users}.gz", test[:4], users=users)], 4)
        for users in ((0, 0, 1, 2), (0, 3, 1, 2))
    )

    class Changing:
        def __iter__(self):
            return iter(next(readings))

    with pytest.raises(ValueError, match="4 sequences at first, but 4 when read again, or those of other users"):
        evaluate(rankers, Changing(), items, scenes, KS)
