"""What holds for every test: those that start a process say so, and the longest files begin first."""

import sys

import pytest
from browser import Browser

BRIEF = ("git", "mount", "umount", "uname", "openssl", "/sbin/ldconfig")
"""Programs of a few milliseconds, which tests, runs and imports ask for a disk, a commit, a processor or a library."""
STARTS = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "vae_exp.tests.fork"}
"""What Python's audit calls the start of a process; the last one is that of `commands.fork`."""

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
    """Keep `nox -s quick` quick: it leaves out what is marked."""
    result = yield
    if started and item.get_closest_marker("process") is None:
        pytest.fail(f"it starts a process ({started[0]}): mark it with @pytest.mark.process", pytrace=False)
    return result


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with the files that start most processes, so that no worker is left alone with one at the end."""
    processes = {}
    for item in items:
        processes[item.path] = processes.get(item.path, 0) + (item.get_closest_marker("process") is not None)
    items.sort(key=lambda item: -processes[item.path])


@pytest.fixture(scope="session")
def hydra():
    """Hydra's loader, and what it composed for a sweep's own command."""
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
    """Composes as Hydra does, which `test_composing.py` holds, in a hundredth of its time."""
    from vae_exp.sweeping.composing import Composer

    return Composer(*hydra)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser for the tests of a worker."""
    window = Browser(tmp_path_factory.mktemp("browser"))
    yield window
    window.close()
