import pytest

from experiments.benchmark.plan import (
    ABLATIONS,
    BenchmarkSpec,
    configure_contestant,
    list_contestants,
    plan_runs,
    read_spec,
)
from experiments.benchmark.store import add_keys
from model.methods import METHODS
from schemas.errors import UserError
from tests.experiments.runs.planted import make_config, make_data

RATE = "training.learning_rate"


def _spec(*methods, seeds=(7,), targets=("next",), ablations=False):
    return BenchmarkSpec(methods, seeds, targets, ablations)


def _names(*methods, **spec):
    return [run.name for run in plan_runs(make_config(), _spec(*methods, **spec))]


def test_all_methods_of_the_configuration_as_it_is():
    spec = read_spec(make_config(seed=3, questions=["period"]), " all ", seeds=2)
    assert spec == BenchmarkSpec(tuple(METHODS), (3, 4), ("period",), True)


def test_chosen_methods_and_targets_once_each_in_their_order():
    spec = read_spec(
        make_config(), "sasrec, popularity,,sasrec", targets="prefix,next+first_7_days,prefix", ablations=False
    )
    assert spec == _spec("sasrec", "popularity", targets=("prefix", "next+first_7_days"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"methods": "sasrec,gru4rec"}, r"--methods: expected some of bert4rec, .* or all. Received: 'sasrec,gru4rec'"),
        ({"methods": ","}, "--methods: expected some of"),
        (
            {"targets": "next,all"},
            "--targets: A question is next, period or prefix, or a window as in .* Received: 'all'",
        ),
        ({"targets": ""}, "--targets: expected some of"),
        ({"seeds": 0}, "--seeds: must be at least 1. Received: 0"),
    ],
)
def test_a_wrong_choice_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        read_spec(make_config(), **given)


def test_seed_by_seed_and_what_counts_once():
    assert _names("popularity", "scene_ctc", seeds=(7, 8), targets=("next", "period")) == [
        "popularity-next",
        "popularity-period",
        "scene-ctc-next-seed7",
        "scene-ctc-period-seed7",
        "scene-ctc-next-seed8",
        "scene-ctc-period-seed8",
    ]


def test_a_cell_has_the_settings_of_all_but_for_what_it_is():
    config = make_config(epochs=9)
    (run,) = plan_runs(config, _spec("msdp", seeds=(5,), targets=("prefix",)))
    assert (run.label, run.role, run.tuned) == ("MSDP", "baseline", {})
    training = run.config.training
    assert (run.config.model.name, training.target, training.seed) == ("msdp", "prefix", 5)
    own = {"questions", "seed", "event_mask", "average_decay"}
    assert training.model_dump(exclude=own) == config.training.model_dump(exclude=own)
    own = {"name", "popularity_prior", "scene_head", "repeat_head", "times", "head_dropout"}
    assert run.config.model.model_dump(exclude=own) == config.model.model_dump(exclude=own)
    assert (run.config.windows, run.config.split) == (config.windows, config.split)


def test_ablations_follow_the_methods_of_their_seed_for_the_first_target():
    runs = plan_runs(make_config(), _spec("dspnet", "sasrec", seeds=(7, 8), targets=("next", "period"), ablations=True))
    # The configuration has neither one question more nor dropout in its heads, and has both weights already.
    absent = {"next-alone", "wo-head-dropout", "wo-both", "with-apr", "with-ccr"}
    parts = [f"dspnet-{ablation.name}-next-seed" for ablation in ABLATIONS if ablation.name not in absent]
    forms = ("dspnet", "sasrec", "sasrec-equal-heads")
    methods = [f"{name}-{target}-seed" for name in forms for target in ("next", "period")]
    assert [run.name for run in runs] == [f"{name}{seed}" for seed in (7, 8) for name in (*methods, *parts)]
    first = runs[len(methods) : len(methods) + len(parts)]
    assert {run.role for run in first} == {"ablation"}
    without = {run.label: run.config for run in first}
    assert without["w/o APR, CCR"].training.adversarial.weight == 0
    assert without["w/o APR, CCR"].training.contrastive.weight == 0
    assert without["w/o APR"].training.contrastive.weight > 0
    assert not without["w/o concat"].model.interplay and without["w/o MLP"].model.fusion_layers == 0


@pytest.mark.parametrize("absent", ["adversarial", "contrastive"])
def test_what_dspnet_never_had_cannot_be_left_out(absent):
    """Nor is the same trained twice: without the other part it has neither."""
    config = make_config(**{absent: {"weight": 0}})
    runs = plan_runs(config, _spec("dspnet", ablations=True))
    labels = [run.label for run in runs]
    assert "w/o APR, CCR" in labels and not {"w/o APR", "w/o CCR"} & set(labels)
    assert ("with APR" in labels) == (absent == "adversarial") and ("with CCR" in labels) == (absent == "contrastive")
    assert len({run.config.model_dump_json() for run in runs}) == len(runs)


def test_rivals_as_published_answer_one_question_at_a_time_and_have_nothing_of_ours():
    config = make_config(questions=["next", "period"])
    spec = _spec("sasrec", "bert4rec", "popularity", "dspnet", targets=("next+period", "period"))
    runs = {run.name: run.config for run in plan_runs(config, spec)}
    assert list(runs) == [
        "sasrec-next-seed7",
        "sasrec-period-seed7",
        "bert4rec-next-seed7",
        "bert4rec-period-seed7",
        "popularity-next+period",
        "popularity-period",
        "dspnet-next+period-seed7",
        "dspnet-period-seed7",
    ]
    plain = runs["sasrec-next-seed7"]
    assert (plain.training.event_mask, plain.training.average_decay, plain.model.head_dropout) == (0, 0, 0)
    assert not (plain.model.popularity_prior or plain.model.scene_head or plain.model.repeat_head or plain.model.times)
    assert runs["bert4rec-next-seed7"].model.popularity_prior, "as in its paper"
    assert runs["dspnet-period-seed7"].model == config.model.model_copy(update={"name": "dspnet"})


def test_rivals_with_equal_heads_are_trained_as_dspnet_is():
    config = make_config(questions=["next", "period"])
    spec = _spec("sasrec", "contrarec", "dspnet", targets=("next+period",), ablations=True)
    (equal,) = [run for run in plan_runs(config, spec) if run.role == "equal_heads"]
    assert (equal.name, equal.label) == ("sasrec-equal-heads-next+period-seed7", "SASRec+")
    assert equal.config.training == config.training
    assert equal.config.model == config.model.model_copy(update={"name": "sasrec"})


@pytest.mark.parametrize("spec", [_spec("dspnet"), _spec("carca", "dspnet_minus", ablations=True)])
def test_no_ablations_unless_of_dspnet_and_wanted(spec):
    assert [run.config.model.name for run in plan_runs(make_config(), spec)] == list(spec.methods)


def test_roles():
    roles = {run.config.model.name: run.role for run in plan_runs(make_config(), _spec(*METHODS))}
    assert (roles.pop("dspnet"), roles.pop("dspnet_minus")) == ("dspnet", "ablation")
    assert set(roles.values()) == {"baseline"}


def test_what_searches_chose_is_for_their_method_and_target_at_all_seeds():
    spec = _spec("sasrec", "dspnet", "popularity", seeds=(7, 8), targets=("next", "period"), ablations=True)
    values = {RATE: 0.002, "training.contrastive.weight": 0.01}
    tuned = {("dspnet", "next"): values, ("sasrec", "period"): {RATE: 0.005}}
    runs = {run.name: run for run in plan_runs(make_config(), spec, tuned)}
    for seed in (7, 8):
        assert runs[f"sasrec-period-seed{seed}"].config.training.learning_rate == 0.005
        assert runs[f"dspnet-next-seed{seed}"].tuned == values
        assert runs[f"dspnet-next-seed{seed}"].config.training.contrastive.weight == 0.01
        without = runs[f"dspnet-wo-ccr-next-seed{seed}"]
        assert without.tuned == {RATE: 0.002} and without.config.training.contrastive.weight == 0
        assert without.config.training.learning_rate == 0.002
        for name in (f"sasrec-next-seed{seed}", f"dspnet-period-seed{seed}", "popularity-next"):
            assert runs[name].tuned == {} and runs[name].config.training.learning_rate == 0.01


@pytest.mark.parametrize(
    ("method", "candidates", "sampling", "number"),
    [
        ("carca", {}, "uniform", 128),
        ("carca", {"sampling": "in_batch"}, "in_batch", None),
        ("sasrec", {}, "none", None),
    ],
)
def test_carca_compares_with_a_sample(method, candidates, sampling, number):
    (one,) = list_contestants(_spec(method))
    found = configure_contestant(make_config(candidates=candidates), one, 7).training.candidates
    assert found.sampling == sampling and number in (None, found.number)


def test_a_search_may_choose_the_sample_of_carca():
    (one,) = list_contestants(_spec("carca"))
    config = configure_contestant(make_config(), one, 7, {"training.candidates.number": 64})
    assert (config.training.candidates.sampling, config.training.candidates.number) == ("uniform", 64)


def test_a_value_that_does_not_fit_is_refused():
    with pytest.raises(UserError, match="training.learning_rate"):
        plan_runs(make_config(), _spec("sasrec"), {("sasrec", "next"): {RATE: -1}})


def test_the_folder_of_a_cell_tells_it_from_the_same_with_other_settings(tmp_path):
    data = make_data(tmp_path)
    configs = make_config(), make_config(epochs=4)
    names = [add_keys(plan_runs(config, _spec("sasrec")), data)[0].name for config in configs]
    assert len(set(names)) == 2
    assert all(name.startswith("sasrec-next-seed7-") and len(name) == len("sasrec-next-seed7-") + 8 for name in names)
