"""What is wrong with an option is told before anything is loaded."""

import pathlib

import pytest

from inference import config as config_lib
from tests.helpers import programs
from training.config import options


@pytest.mark.parametrize(
    "flags, message",
    [
        ({"split": "test"}, "no test split any more.*Add --final"),
        ({"final": True}, "`final` opens the test split.*Add --split=test"),
        ({"split": "train"}, "`split` must be one of validation, test"),
        ({"model": "newest"}, "`model` must be best, last, or what export.py"),
        ({"workdir": ""}, "`workdir` must be the directory of a run.*workdir="),
        ({"workdir": "a,"}, "`workdir` must be the directory.*workdir=a,"),
        ({"threshold": "foo"}, "`threshold` must be 0.5, youden.*'foo'"),
        ({"threshold": "nan"}, "`threshold` must be"),
        ({"threshold": "1.5"}, "`threshold` must be"),
        ({"threshold": "sensitivity>=2"}, "sensitivity lies above 0"),
        ({"prevalence": "1"}, "`prevalence` must be a share.*prevalence=1"),
        ({"prevalence": "nan"}, "`prevalence` must be a finite number"),
        ({"prevalence": "some"}, "`prevalence` must be a number"),
        ({"calibrate": "platt"}, "`calibrate` must be one of none, temper"),
        ({"images_dir": "/nope"}, "`images_dir` must be an existing directory"),
        ({"images_dir": ""}, "`images_dir` must be a path"),
        ({"compare": "/nope"}, "`compare` must be an existing directory"),
        ({"data_dir": "/nope"}, "`data_dir` must be an existing directory"),
        ({"slices": "/"}, "`slices` must be an existing file"),
        ({"output_dir": ""}, "`output_dir` must be a path"),
    ],
)
def test_bad_value_is_named(flags, message):
    with pytest.raises(ValueError, match=message):
        options.make(config_lib.EvaluateConfig, flags)


def test_folder_stands_instead_of_a_split(tmp_path):
    flags = {"split": "test", "final": True, "images_dir": str(tmp_path)}
    with pytest.raises(ValueError, match="either --split or --images_dir"):
        options.make(config_lib.EvaluateConfig, flags)


@pytest.mark.parametrize(
    "given, kept",
    [
        ("a", ("a",)),
        (pathlib.Path("a"), ("a",)),
        (["a", pathlib.Path("b")], ("a", "b")),
        (None, None),
    ],
)
def test_runs_may_be_paths(given, kept):
    assert config_lib.EvaluateConfig(workdir=given).workdir == kept


def test_home_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = options.make(
        config_lib.EvaluateConfig, {"workdir": "~/a,~/b", "output_dir": "~/c"}
    )
    assert config.workdir == (f"{tmp_path}/a", f"{tmp_path}/b")
    assert config.output_dir == f"{tmp_path}/c"


def test_flags_say_what_the_configuration_holds():
    flags = {"workdir": "a,b", "threshold": "0.30", "prevalence": "1/20"}
    flags |= {"split": "test", "final": True}
    config = options.make(config_lib.EvaluateConfig, flags)
    assert config.workdir == ("a", "b")
    assert (config.prevalence, config.final) == (0.05, True)


@pytest.mark.parametrize(
    "arguments, status, output",
    [
        (["--threshold=foo"], 2, "evaluate.py: `threshold` must be"),
        (["--split=test"], 2, "evaluate.py: The test split is opened once"),
        (["--treshold=0.5"], 2, "Unknown command line flag 'treshold'"),
        (["runs/a"], 2, "Options begin with --. Received: runs/a"),
        (["--help"], 0, "--prevalence"),
    ],
    ids=lambda value: "".join(value) if isinstance(value, list) else "",
)
def test_mistyped_option_does_not_wait_for_tensorflow(
    arguments, status, output
):
    program = (
        "import runpy, sys\n"
        "try: runpy.run_path('evaluate.py', run_name='__main__')\n"
        "finally: print({'keras', 'tensorflow', 'matplotlib', 'sklearn'}\n"
        "               & set(sys.modules), file=sys.stderr)\n"
    )
    result = programs.run("-c", program, *arguments, check=False)
    assert result.returncode == status
    assert output in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1] == "set()"
