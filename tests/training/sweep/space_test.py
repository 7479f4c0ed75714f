"""What is tried: choices and ranges, by the option's own kind."""

import itertools

import optuna
import pytest

from training.config import options as options_lib
from training.sweep import space as space_lib


def draw(texts, search, seed, count):
    """Returns the values of some trials, by Optuna's study in memory."""
    space = space_lib.parse(texts)
    study = optuna.create_study()
    found = []
    for number in range(count):
        study.sampler = space_lib.make_sampler(space, search, seed, number)
        trial = study.ask()
        found.append({name: ask(trial) for name, ask in space.items()})
        study.tell(trial, number)
    return found


def test_random_trials_do_not_depend_on_how_many_follow():
    texts = ["learning_rate=0.1:1:log", "optimizer=adam,sgd"]
    few, many, others = (
        draw(texts, "random", seed, count)
        for count, seed in ((3, 0), (9, 0), (9, 1))
    )
    assert many[:3] == few
    rates = [{trial["learning_rate"] for trial in t} for t in (many, others)]
    assert not rates[0] & rates[1]
    assert len(rates[0]) == 9


@pytest.mark.parametrize("seed", [0, 1])
def test_grid_has_each_combination_once(seed):
    texts = ["zoom_range=0.8,1.2;0.9,1.1;0.5", "optimizer=adam,sgd"]
    assert space_lib.count_trials(space_lib.parse(texts), "grid", None) == 6
    found = [tuple(t.values()) for t in draw(texts, "grid", seed, 6)]
    expected = itertools.product(("0.8,1.2", "0.9,1.1", "0.5"), ("adam", "sgd"))
    assert sorted(found) == sorted(expected)


def test_values_with_commas_are_separated_by_semicolons():
    (trial,) = draw(["zoom_range=0.8,1.2"], "grid", 0, 1)
    assert trial == {"zoom_range": "0.8,1.2"}
    with pytest.raises(ValueError, match="`zoom_range` must be"):
        space_lib.parse(["zoom_range=0.8,x;1"])
    with pytest.raises(ValueError, match="--try 'class_weight=VALUE;VALUE'"):
        space_lib.parse(["class_weight=none,balanced"])


@pytest.mark.parametrize("values", [".1,0.1", "1/255, 1/255", "2,3,2.0"])
def test_value_that_stands_twice_is_refused(values):
    with pytest.raises(ValueError, match=f"once. Received: rescale={values}"):
        space_lib.parse([f"rescale={values}"])


@pytest.mark.parametrize("search", ["random", "tpe"])
def test_kind_of_a_range_is_its_options(search):
    texts = ["batch_size=2:4", "learning_rate=1:2", "rescale=1/255:1/127:log"]
    found = draw(texts, search, 0, 20)
    assert {trial["batch_size"] for trial in found} == {2, 3, 4}
    assert all(type(trial["batch_size"]) is int for trial in found)
    rates = {trial["learning_rate"] for trial in found}
    assert len(rates) == 20 and all(1 <= rate <= 2 for rate in rates)
    assert all(1 / 255 <= t["rescale"] <= 1 / 127 for t in found)


@pytest.mark.parametrize(
    "text",
    [
        "batch_size=1.5:3.5",
        "batch_size=8:x",
        "batch_size=8:",
        "learning_rate=0.2:0.1",
        "learning_rate=0.1:0.1",
        "learning_rate=0:nan",
        "learning_rate=0:inf",
        "learning_rate=0.1:0.2:linear",
        "learning_rate=0.1:0.2:log:log",
        "momentum=-1:1:log",
    ],
)
def test_wrong_range_is_refused_by_name(text):
    name = text.partition("=")[0]
    with pytest.raises(ValueError, match=f"`{name}` must .*Received: {name}="):
        space_lib.parse([text])


@pytest.mark.parametrize(
    "text", ["batch_size=0:8", "epochs=-4:3", "label_smoothing=0:2"]
)
def test_range_of_what_the_option_does_not_take_is_refused(text):
    name = text.partition("=")[0]
    with pytest.raises(
        ValueError, match=f"`{name}` must be.*Received: {text}$"
    ):
        space_lib.parse([text])


def test_range_may_end_at_what_the_option_takes_no_more():
    texts = ["momentum=0.5:1", "learning_rate=0:0.1"]
    assert list(space_lib.parse(texts)) == ["momentum", "learning_rate"]


def test_data_and_what_a_trial_is_given_are_not_swept():
    names = {o.name for o in options_lib.DATA} | {"workdir", "resume"}
    for name in names:
        with pytest.raises(ValueError, match="option of train.py"):
            space_lib.parse([f"{name}=1,2"])
