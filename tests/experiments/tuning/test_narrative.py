"""What a person reads of a search, while it goes on and at its end."""

import dataclasses
import shlex

import yaml

from experiments.tuning.narrative import (
    describe_new_search,
    describe_resumed_search,
    describe_search,
    describe_stage,
    describe_trial,
    summarise,
)
from experiments.tuning.result import SearchResult, TrialResult
from pipeline.tuning_config import Dimension
from schemas.dotted_keys import as_flags, as_yaml

RATE, SCALES = "training.learning_rate", "training.distribution.scales"
SPACE = (
    Dimension(RATE, 3e-4, 3e-3, True, False, (), 1e-3),
    Dimension(SCALES, None, None, False, False, ([1, 4], [8]), [1, 4]),
)


def trial(
    number: int, rate: float, validation: float | None, status: str = "finished", reason: str = ""
) -> TrialResult:
    epochs = () if validation is None else (0.01, validation)
    return TrialResult(number, {RATE: rate, SCALES: [1, 4]}, status, validation, epochs, 20.0 * number, reason)


TRIALS = (
    trial(1, 1e-3, 0.2),
    trial(2, 3e-3, 0.25),
    trial(3, 5e-4, 0.1, "stopped"),
    trial(4, 4e-4, None, "out_of_memory", "It took 9.00 GiB\nin training epoch 1."),
)
RESULT = SearchResult("msdp", "MSDP", SPACE, 5, TRIALS, "/folder")


def result(*trials: TrialResult) -> SearchResult:
    return dataclasses.replace(RESULT, trials=trials)


def test_a_search_begins_with_what_it_searches() -> None:
    assert describe_search("MSDP", 5, 3 * 2**30, SPACE).splitlines() == [
        "Searching MSDP: 5 trials by NDCG@10 on the val split, 3.00 GiB for each",
        "  training.learning_rate from 0.0003 to 0.003 (log); 0.001 as configured",
        "  training.distribution.scales one of [1, 4], [8]; [1, 4] as configured",
    ]
    assert (
        describe_new_search(["/a", "/b"])
        == "A new search: data, configuration or code are not what they were in /a, /b."
    )


def test_a_line_tells_how_a_trial_went_how_the_search_stands_and_how_long_it_takes() -> None:
    assert describe_trial(TRIALS[0], result(TRIALS[0])) == (
        "Trial 1/5: learning_rate=0.001 distribution.scales=[1, 4] (as configured): NDCG@10 0.2000 in 20.0 s; "
        "best 0.2000 (trial 1); about 1 min 20 s left in this search"
    )
    assert describe_trial(TRIALS[2], result(*TRIALS[:3])) == (
        "Trial 3/5: learning_rate=0.0005 distribution.scales=[1, 4]: NDCG@10 0.1000 in 1 min 00 s, stopped early after "
        "epoch 2; best 0.2500 (trial 2); about 1 min 20 s left in this search"
    )
    assert "out of memory after 1 min 20 s: It took 9.00 GiB in training epoch 1; best" in describe_trial(
        TRIALS[3], RESULT
    )
    last = trial(5, 4e-4, None, "failed", "It diverged.")
    assert describe_trial(last, result(last)).endswith(
        "failed after 1 min 40 s: It diverged; about 6 min 40 s left in this search"
    )
    assert "left" not in describe_trial(last, result(*TRIALS, last))


def test_what_was_done_before_is_told() -> None:
    assert (
        describe_resumed_search(result(), 1)
        == "0 of 5 trials were done before; trial 1, which was interrupted, goes on."
    )
    assert describe_resumed_search(RESULT, None) == "4 of 5 trials were done before; best 0.2500 (trial 2)."


def test_where_a_trial_is() -> None:
    assert describe_stage(2, {}, "before the first epoch") == "Trial 2: before the first epoch … "
    shown = describe_stage(2, {1: 0.3, 2: 0.2}, "in training epoch 3")
    assert shown == "Trial 2: NDCG@10 0.2000 after epoch 2, in training epoch 3 … "


def test_the_end_has_all_trials_in_a_table_and_the_best_to_paste() -> None:
    lines = summarise(RESULT).splitlines()
    assert lines[1:7] == [
        "Trial   learning_rate   distribution.scales   NDCG@10   epochs         time",
        "─" * 91,
        "    1           0.001                [1, 4]    0.2000        2       20.0 s   as configured",
        "    2           0.003                [1, 4]    0.2500        2       40.0 s   best",
        "    3          0.0005                [1, 4]    0.1000        2   1 min 00 s   stopped early",
        "    4          0.0004                [1, 4]         –        0   1 min 20 s   out of memory",
    ]
    text = "\n".join(lines[7:])
    assert "Best of 4 trials: 2, NDCG@10 0.2500 on the val split." in text
    assert "The configuration as it is reached 0.2000: a gain of +0.0500, +25.0%." in text
    assert "test split, which no trial has seen" in text
    assert as_yaml(TRIALS[1].values) in text and text.endswith(as_flags(TRIALS[1].values))


def test_the_end_says_when_the_configuration_is_best_or_could_not_be_trained() -> None:
    text = summarise(result(TRIALS[0], TRIALS[2]))
    assert "nothing to change" in text and "--set" not in text and "as configured, best" in text
    text = summarise(result(trial(1, 1e-3, None, "failed", "It diverged."), TRIALS[1]))
    assert "The configuration as it is could not be trained." in text and "as configured, failed" in text
    assert "a gain of +0.2500." in summarise(result(trial(1, 1e-3, 0.0), TRIALS[1])), "of nothing there is no share"


def test_flags_and_yaml_say_the_same() -> None:
    values = {RATE: 1.234e-05, SCALES: [1, 4], "model.name": "msdp", "training.cloze.weight": None}
    flags = shlex.split(as_flags(values))
    assert flags[::2] == ["--set"] * 4
    assert {key: yaml.safe_load(text) for key, _, text in (flag.partition("=") for flag in flags[1::2])} == values
    assert yaml.safe_load(as_yaml(values)) == {
        "training": {"learning_rate": 1.234e-05, "distribution": {"scales": [1, 4]}, "cloze": {"weight": None}},
        "model": {"name": "msdp"},
    }
