import dataclasses

import numpy as np
import pytest
from scipy import stats

from model.evaluation import comparison
from model.evaluation.bootstrap import poisson_weights
from model.evaluation.comparison import Comparison, MetricComparison, compare, compare_runs
from model.evaluation.paired_test import holm
from model.evaluation.pairing import MeasuredSequences, Overlap, UnequalTestSetsError, pair

GROUPS = ("low", "medium", "high")
R, N = "next_item/recall@10", "items/novelty@10"


def sequences(
    recall: np.ndarray, users: np.ndarray | None = None, novelty: np.ndarray | None = None, start: int = 0
) -> MeasuredSequences:
    count = len(recall)
    users = np.arange(count) if users is None else users
    metrics = {R: recall.astype(np.float32)}
    if novelty is not None:
        metrics[N] = novelty.astype(np.float32)
    return MeasuredSequences(
        users=np.array([f"{start + user:08x}" for user in users], np.bytes_),
        sequences=np.arange(count) * 104729 - 3 + start,
        groups=np.array([GROUPS[i % 3] for i in range(count)]),
        metrics=metrics,
    )


def shuffled(measured: MeasuredSequences, seed: int) -> MeasuredSequences:
    order = np.random.default_rng(seed).permutation(len(measured.users))
    return MeasuredSequences(
        measured.users[order],
        measured.sequences[order],
        measured.groups[order],
        {name: values[order] for name, values in measured.metrics.items()},
    )


def two_runs(count: int = 300, seed: int = 5) -> tuple[MeasuredSequences, MeasuredSequences]:
    generator = np.random.default_rng(seed)
    own = generator.random(count)
    own[::7] = np.nan
    its = own + generator.normal(0.02, 0.2, count)
    return (
        sequences(own, novelty=generator.normal(9, 1, count)),
        sequences(its, novelty=generator.normal(9, 1, count)),
    )


def assert_close(left: Comparison, right: Comparison) -> None:
    assert left.metrics.keys() == right.metrics.keys() and left.groups.keys() == right.groups.keys()
    for metric, part in left.metrics.items():
        _assert_close(part, right.metrics[metric])
    for metric, parts in left.groups.items():
        assert list(parts) == list(right.groups[metric])
        for group, part in parts.items():
            _assert_close(part, right.groups[metric][group])


def _assert_close(left: MetricComparison, right: MetricComparison) -> None:
    numbers = [[number for number in _flat(dataclasses.asdict(part)) if number is not None] for part in (left, right)]
    np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-9, atol=1e-12)


def _flat(values: dict) -> list:
    return [leaf for value in values.values() for leaf in (_flat(value) if isinstance(value, dict) else [value])]


def test_by_hand() -> None:
    own, its = np.array([0, 0, 1, np.nan, 1, 1]), np.array([1, 0, 1, 1, 0.5, np.nan])
    part = compare(sequences(own), sequences(its), [R]).metrics[R]
    assert (part.reference.value, part.other.value, part.difference.value) == (0.5, 0.625, 0.125)
    assert (part.sequences, part.users, part.measured_by_one) == (4, 4, 2)
    assert (part.higher, part.lower, part.equal) == (0.25, 0.25, 0.5)
    assert part.difference.low < 0 < part.difference.high


def test_p_value_is_that_of_the_paired_t_test() -> None:
    own, its = two_runs()
    found = compare(own, its, [R, N], [R])
    for metric, part in found.metrics.items():
        expected = stats.ttest_rel(its.metrics[metric], own.metrics[metric], nan_policy="omit")
        assert part.p_value == pytest.approx(expected.pvalue, rel=1e-5)
        assert part.difference.value == pytest.approx(np.nanmean(its.metrics[metric] - own.metrics[metric]), rel=1e-5)
    for group, part in found.groups[R].items():
        inside = own.groups == group
        expected = stats.ttest_rel(its.metrics[R][inside], own.metrics[R][inside], nan_policy="omit")
        assert part.p_value == pytest.approx(expected.pvalue, rel=1e-5)
    assert list(found.groups[R]) == list(GROUPS)


def test_sequences_of_a_user_count_as_one_draw() -> None:
    generator = np.random.default_rng(3)
    own, its = generator.random(40), generator.random(40) + 0.1
    once = compare(sequences(own), sequences(its), [R]).metrics[R]
    users = np.repeat(np.arange(40), 4)
    often = compare(sequences(np.repeat(own, 4), users), sequences(np.repeat(its, 4), users), [R]).metrics[R]
    assert (often.sequences, often.users) == (160, 40)
    assert often.p_value == pytest.approx(once.p_value)
    assert dataclasses.astuple(often.difference) == pytest.approx(dataclasses.astuple(once.difference))
    apart = compare(sequences(np.repeat(own, 4)), sequences(np.repeat(its, 4)), [R]).metrics[R]
    assert apart.p_value < once.p_value / 10, "four strangers are more evidence than four visits of one"


def test_order_has_no_influence() -> None:
    own, its = two_runs()
    expected = compare(own, its, [R, N], [R])
    assert compare(shuffled(own, 1), shuffled(its, 2), [R, N], [R]) == expected


@pytest.mark.parametrize("block", [1, 7, 64, 10_000])
def test_block_size_has_no_influence(block: int) -> None:
    own, its = two_runs()
    assert_close(compare(own, its, [R, N], [R], block), compare(own, its, [R, N], [R]))


def test_blocks_part_no_user() -> None:
    generator = np.random.default_rng(3)
    users = generator.integers(0, 9, 50)
    own, its = sequences(generator.random(50), users), sequences(generator.random(50), users)
    assert_close(compare(own, its, [R], block=3), compare(own, its, [R]))


def test_order_has_no_influence_on_users_with_several_sequences() -> None:
    generator = np.random.default_rng(3)
    users = generator.integers(0, 9, 50)
    own, its = sequences(generator.random(50), users), sequences(generator.random(50), users)
    assert compare(shuffled(own, 1), shuffled(its, 2), [R], [R]) == compare(own, its, [R], [R])


def test_memory_does_not_grow_with_the_number_of_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(comparison, "poisson_weights", lambda users: drawn.append(len(users)) or poisson_weights(users))
    own, its = two_runs()
    compare(own, its, [R], block=64)
    assert sum(drawn) == 300 and max(drawn) <= 64


def test_swapped_runs_differ_in_sign_alone() -> None:
    own, its = two_runs()
    there, back = compare(own, its, [R]).metrics[R], compare(its, own, [R]).metrics[R]
    assert there.difference.value == -back.difference.value
    assert (there.difference.low, there.difference.high) == pytest.approx((-back.difference.high, -back.difference.low))
    assert there.p_value == pytest.approx(back.p_value) and (there.higher, there.lower) == (back.lower, back.higher)


def test_the_same_run_twice_is_identical() -> None:
    own, _ = two_runs()
    found = compare_runs(own, {"again": shuffled(own, 1)}, [R, N], [R])
    again = found.runs["again"]
    assert again.identical and not again.differs
    for part in (*again.metrics.values(), *again.groups[R].values()):
        assert dataclasses.astuple(part.difference) == (0, 0, 0, 1)
        assert part.p_value == part.adjusted == 1 and not part.significant


def test_float_noise_is_no_difference() -> None:
    own = np.random.default_rng(3).random(50)
    assert compare(sequences(own), sequences(own * (1 + 1e-7)), [R]).identical
    assert not compare(sequences(own), sequences(own * (1 + 1e-5)), [R]).identical


def test_a_constant_difference_is_certain() -> None:
    part = compare(sequences(np.zeros(20)), sequences(np.full(20, 0.25)), [R]).metrics[R]
    assert dataclasses.astuple(part.difference) == (0.25, 0.25, 0.25, 0) and part.p_value == 0


def test_one_user_has_neither_interval_nor_p_value() -> None:
    own, its = sequences(np.zeros(3), np.zeros(3, int)), sequences(np.ones(3), np.zeros(3, int))
    found = compare_runs(own, {"other": its}, [R])
    part = found.runs["other"].metrics[R]
    assert (part.difference.value, part.difference.low, part.p_value, part.adjusted) == (1, None, None, None)
    assert found.tests == 0 and not part.significant


def test_what_neither_has_measured_is_left_out() -> None:
    nothing = np.full(6, np.nan)
    own = sequences(np.zeros(6), novelty=nothing)
    found = compare(own, sequences(np.ones(6), novelty=nothing), [R, N], [N])
    assert list(found.metrics) == [R] and found.groups == {N: {}}
    assert compare(sequences(nothing), sequences(np.ones(6)), [R]).metrics == {}


def test_interval_covers_the_true_difference() -> None:
    trials, users, true = 500, 80, 0.05
    covered = 0
    for trial in range(trials):
        generator = np.random.default_rng(trial)
        own = generator.exponential(1.0, users)
        its = own + generator.normal(true, 0.3, users)
        # Other users each time: the draws of a user are always the same.
        pairs = (sequences(values, start=trial * users) for values in (own, its))
        difference = compare(*pairs, [R]).metrics[R].difference
        covered += difference.low <= true <= difference.high
    assert 0.93 <= covered / trials <= 0.97


def test_false_alarms_are_rare_after_correction() -> None:
    metrics = [f"next_item/recall@{k}" for k in range(1, 31)]
    alarms = {"before": 0, "after": 0}
    for trial in range(60):
        generator = np.random.default_rng(trial)
        own, its = (
            dataclasses.replace(
                sequences(np.zeros(50)), metrics={m: generator.random(50).astype(np.float32) for m in metrics}
            )
            for _ in range(2)
        )
        parts = compare_runs(own, {"other": its}, metrics).runs["other"].metrics.values()
        alarms["before"] += any(part.p_value < 0.05 for part in parts)
        alarms["after"] += any(part.significant for part in parts)
    assert alarms["after"] <= 6 < 30 < alarms["before"]


def test_all_tests_of_all_runs_are_corrected_together() -> None:
    own, its = two_runs()
    third = dataclasses.replace(its, metrics={**its.metrics, R: its.metrics[R] + np.float32(0.3)})
    found = compare_runs(own, {"second": its, "third": third}, [R, N], [R])
    assert found.tests == 2 * (2 + 3)
    parts = [p for run in found.runs.values() for p in (*run.metrics.values(), *run.groups[R].values())]
    np.testing.assert_allclose([p.adjusted for p in parts], holm([p.p_value for p in parts]))
    assert found.runs["third"].metrics[R].significant and not found.runs["third"].metrics[N].significant


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03, 0.005]), [0.06, 0.03, 0.06, 0.02])
    assert holm([0.7, 0.9]).tolist() == [1.0, 1.0] and holm([]).tolist() == []
    for wrong in (float("nan"), -0.1, 1.1):
        with pytest.raises(ValueError, match="p_values: must be between 0 and 1"):
            holm([0.5, wrong])


def test_pairs_are_found_in_any_order() -> None:
    own, _ = two_runs(30)
    other = shuffled(own, 4)
    ours, theirs = pair(own, other)
    assert (own.users[ours] == other.users[theirs]).all() and (own.sequences[ours] == other.sequences[theirs]).all()
    assert sorted(theirs) == list(range(30))


def test_other_futures_and_other_users_are_refused() -> None:
    own = sequences(np.zeros(6))
    futures = dataclasses.replace(own, sequences=own.sequences + np.array([0, 0, 0, 0, 1, 1]))
    with pytest.raises(UnequalTestSetsError, match="6 and 6 sequences, of which 4 are the same") as refused:
        compare(own, futures, [R])
    assert refused.value.overlap == Overlap((6, 6), 4, (6, 6), 6)
    with pytest.raises(UnequalTestSetsError) as refused:
        compare(own, sequences(np.zeros(4)), [R])
    assert refused.value.overlap == Overlap((6, 4), 4, (6, 4), 4)
    with pytest.raises(UnequalTestSetsError) as refused:
        compare(own, sequences(np.zeros(6), start=100), [R])
    assert refused.value.overlap == Overlap((6, 6), 0, (6, 6), 0)


def test_a_user_with_the_same_future_twice_is_paired_twice() -> None:
    own = sequences(np.array([1.0, 0.0, 1.0]), np.array([0, 0, 1]))
    own = dataclasses.replace(own, sequences=np.array([8, 8, 9]))
    part = compare(own, dataclasses.replace(own, metrics={R: np.zeros(3, np.float32)}), [R]).metrics[R]
    assert part.sequences == 3 and part.difference.value == pytest.approx(-2 / 3)
    one = dataclasses.replace(own, sequences=np.array([8, 9, 9]))
    with pytest.raises(UnequalTestSetsError) as refused:
        compare(own, one, [R])
    assert refused.value.overlap.common_sequences == 2
