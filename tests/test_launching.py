"""How jobs are launched again when a launcher loses them, with launchers whose jobs end as scripted."""

import pytest
from compared import config, sweep

from vae_exp.errors import UserError
from vae_exp.sweeping.launching import KILLED_TWICE, CannotStart, launch


class Killed(Exception):
    """Raised by a launcher whose worker was killed."""


class Scripted:
    """A launcher that ends each job as scripted, one letter per launch: `f`inished, failed (`x`) or killed (`k`).

    A killed job ends the launcher, so that the jobs after it never start; `beside` more jobs are killed with it.
    """

    def __init__(self, folder, scripts, beside=0):
        self.folder, self.beside, self.calls = folder, beside, []
        self.scripts = {label: list(script) for label, script in scripts.items()}

    def launch(self, jobs):
        self.calls.append([job.label for job in jobs])
        for number, job in enumerate(jobs):
            match self.scripts.get(job.label, ["f"] * 9).pop(0):
                case "f":
                    self.folder.folder(job).write_status("finished")
                case "x":
                    self.folder.folder(job).write_status("failed", "it diverged")
                case "k":
                    for lost in jobs[number : number + 1 + self.beside]:
                        self.folder.folder(lost).write_status("interrupted")
                    raise Killed(f"a worker ended at job {number}")


@pytest.fixture
def folder(tmp_path):
    made = sweep(tmp_path, [(config(seed=seed), None) for seed in range(4)])
    for job in made.jobs():
        made.folder(job).path.mkdir()
    return made


def states(folder):
    return [folder.folder(job).state() for job in folder.jobs()]


def launched(folder, scripts, **options):
    most = options.pop("most", None)
    launcher = Scripted(folder, scripts, **options)
    launch(launcher, folder, folder.jobs(), most)
    return launcher.calls


ALL = ["seed=0", "seed=1", "seed=2", "seed=3"]


def test_jobs_that_end_by_themselves_are_launched_once(folder):
    assert launched(folder, {"seed=2": "x"}) == [ALL]
    assert states(folder) == ["finished", "finished", "failed", "finished"]


def test_a_killed_job_runs_again_alone_before_those_that_never_started(folder):
    assert launched(folder, {"seed=1": "kf"}) == [ALL, ["seed=1"], ["seed=2", "seed=3"]]
    assert states(folder) == ["finished"] * 4


def test_a_job_that_is_killed_twice_fails_and_stops_no_other(folder):
    assert launched(folder, {"seed=1": "kk"}) == [ALL, ["seed=1"], ["seed=2", "seed=3"]]
    assert states(folder) == ["finished", "failed", "finished", "finished"]
    assert folder.folder(folder.jobs()[1]).read_status().error == KILLED_TWICE


def test_each_job_lost_with_a_killed_one_runs_again_alone(folder):
    calls = launched(folder, {"seed=1": "kk"}, beside=1)
    assert calls == [ALL, ["seed=1"], ["seed=2"], ["seed=3"]]
    assert states(folder) == ["finished", "failed", "finished", "finished"]


def test_jobs_are_launched_in_batches(folder):
    assert launched(folder, {}, most=3) == [ALL[:3], ALL[3:]]


def test_a_launcher_that_starts_no_job_is_called_once(folder):
    class Broken:
        calls = 0

        def launch(self, jobs):
            self.calls += 1
            raise BlockingIOError(11, "Resource temporarily unavailable")

    broken = Broken()
    with pytest.raises(CannotStart, match=r"no job could be started: .*Resource temporarily unavailable"):
        launch(broken, folder, folder.jobs())
    assert broken.calls == 1
    assert states(folder) == ["planned"] * 4


def test_a_job_interrupted_earlier_is_not_blamed_if_the_launcher_starts_no_job(folder):
    class Refused:
        def launch(self, jobs):
            raise UserError("Slurm accepted no job: no partition")

    folder.folder(folder.jobs()[0]).write_status("interrupted")
    with pytest.raises(CannotStart, match=r"^Slurm accepted no job: no partition$"):
        launch(Refused(), folder, folder.jobs())
    assert states(folder) == ["interrupted", "planned", "planned", "planned"]
