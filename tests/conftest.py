"""Rules for every test: those that start a process are marked, and the slowest files run first."""

import sys

import pytest
from browser import Browser

BRIEF = ("git", "mount", "umount", "uname", "lscpu", "openssl", "/sbin/ldconfig")
"""Programs that take a few milliseconds and are called by tests, runs and imports."""
STARTS = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "vae_exp.tests.fork"}
"""Audit events of Python that start a process; the last one is raised by `commands.fork`."""

started = []
"""The processes that the running test started."""


def note(event, arguments):
    if STARTS and event in STARTS and arguments[:1] not in [(program,) for program in BRIEF]:
        started.append(f"{event} {arguments[0] if arguments else ''}")


sys.addaudithook(note)


def pytest_runtest_logstart():
    started.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test that starts a process without the mark: `nox -s quick` leaves out marked tests."""
    result = yield
    if started and item.get_closest_marker("process") is None:
        pytest.fail(f"the test starts a process ({started[0]}): mark it with @pytest.mark.process", pytrace=False)
    return result


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Run the files that start most processes first, so that no worker is still busy when the others are done."""
    processes = {}
    for item in items:
        processes[item.path] = processes.get(item.path, 0) + (item.get_closest_marker("process") is not None)
    items.sort(key=lambda item: -processes[item.path])


@pytest.fixture(scope="session")
def hydra():
    """Hydra's loader, and the configuration that it composes for the command of a sweep."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode

    from vae_exp import compose

    compose.register()
    with initialize_config_dir(str(compose.CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return loader, loader.load_configuration("config", ["hydra/sweeper=vae_exp"], run_mode=RunMode.MULTIRUN)


@pytest.fixture(scope="session")
def composer(hydra):
    """A composer that gives Hydra's results (see `test_composing.py`) in a hundredth of its time."""
    from vae_exp.sweeping.composing import Composer

    return Composer(*hydra)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A database with all of MLflow's tables, which take seconds to make: a test copies it into its folder."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser that all tests of a worker share."""
    window = Browser(tmp_path_factory.mktemp("browser"))
    yield window
    window.close()
