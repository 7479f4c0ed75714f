"""The tests on every Python, and what else is checked, each in an environment.

    pipx install 'nox[uv]'
    nox --list
    nox -s tests-3.12 -- tests/pipeline
    nox -s lint

What stands behind `--` goes to pytest. Environments are uv's where it is
installed, which also fetches interpreters that are missing.
"""

import nox

nox.needs_version = ">=2024.3.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "tests"]

_PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


@nox.session(python=_PYTHONS)
def tests(session: nox.Session) -> None:
    """Runs the test suite, or the part of it that is named."""
    session.install("--editable", ".[test]")
    session.run("python", "-m", "pytest", *(session.posargs or ["-n", "2"]))


@nox.session(python=_PYTHONS[0], venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Runs the tests with the oldest of all that setup.cfg allows."""
    session.install("--resolution=lowest-direct", "--editable", ".[test]")
    session.run("python", "-m", "pytest", *(session.posargs or ["-n", "2"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Checks style, the order of imports, and types."""
    session.install("--editable", ".[test]")
    session.run("python", "-m", "flake8")
    session.run("python", "-m", "isort", "--check", "--diff", ".")
    session.run("python", "-m", "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Builds the documentation into site/; a warning is an error."""
    session.install("--editable", ".[docs]")
    session.run("python", "-m", "sphinx", "--fail-on-warning", "docs", "site")
