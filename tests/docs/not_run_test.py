"""What cannot be run says why, and has options that there are."""

import configparser
import re
import shlex

from absl import flags as absl_flags
import pytest

from docs import generated
from tests.helpers import flag_values
from tests.helpers import pages
from tests.helpers import processes
from training.config import flags as flags_lib
from training.config import options

_BLOCKS = [
    block
    for page in pages.paths()
    for block in pages.blocks(page)
    if block.why_not_run
]


def _define(program):
    """Returns flags of a program that nothing else sees."""
    values = absl_flags.FlagValues()

    module = flag_values.module_of(values)
    groups = generated.groups_of(program).values()
    flags_lib.define(module, [option for group in groups for option in group])
    absl_flags.DEFINE_multi_string("flagfile", [], "", flag_values=values)
    return values


def _check_options(program, arguments):
    """Raises ValueError or a flags.Error at what the program refuses."""
    values = _define(program)
    values([program, *arguments])
    if program == "train.py":
        declared = options.ALL
    else:
        groups = generated.groups_of(program).values()
        declared = [option for group in groups for option in group]
    for option in declared:
        flag = values[option.name]
        if flag.present:
            value = option.parse(flag.value)
            if option.check is not None:
                option.check(option.name, value)


@pytest.mark.parametrize("block", _BLOCKS, ids=lambda b: f"{b.page}:{b.line}")
def test_block_that_is_not_run_has_options_that_there_are(block):
    config = configparser.ConfigParser()
    config.read(processes.ROOT / "setup.cfg")
    extras = set(config["options.extras_require"])
    for command in pages.commands(block.text):
        program = re.search(r"python (\w+\.py) (.*)$", command)
        if program:
            _check_options(program[1], shlex.split(program[2]))
        for extra in re.findall(r"\.\[([\w,]+)\]", command):
            assert set(extra.split(",")) <= extras
        for path in re.findall(r"python (benchmarks/\w+\.py)", command):
            source = (processes.ROOT / path).read_text()
            for option in re.findall(r" --(\w+)", command):
                assert option in source
        for target in re.findall(r"^make (\w+)", command):
            makefile = (processes.ROOT / "Makefile").read_text()
            assert f"\n{target}:" in makefile


def test_option_that_there_is_not_is_found():
    with pytest.raises(absl_flags.UnrecognizedFlagError):
        _check_options("serve.py", ["--prot=8000"])
    with pytest.raises(ValueError, match="`port`"):
        _check_options("serve.py", ["--port=high"])


def test_block_that_is_not_run_says_why():
    assert len(_BLOCKS) > 5
    for block in _BLOCKS:
        assert re.search(r"\w+ \w+.*\.$", block.why_not_run), block
    for page in pages.paths():
        for block in pages.blocks(page):
            assert block.info in ("", "background") or block.why_not_run, block
