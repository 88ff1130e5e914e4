"""Runs at the same time get different GPUs, or the CPU if there is none."""

import pytest
import torch

from vae_exp.devices import claim_device, lock_first_free, require_device
from vae_exp.errors import UserError


def test_each_run_gets_the_first_free_gpu(tmp_path):
    names = ["GPU-a", "GPU-b"]
    with lock_first_free(names, tmp_path) as first:
        with lock_first_free(names, tmp_path) as second, lock_first_free(names, tmp_path) as third:
            assert (first, second) == (0, 1)
            assert third in (0, 1)  # shared: there are more runs than GPUs
        with lock_first_free(names, tmp_path) as again:
            assert again == 1


def test_a_gpu_is_free_again_after_its_run_failed(tmp_path):
    with pytest.raises(ZeroDivisionError), lock_first_free(["GPU-a", "GPU-b"], tmp_path):
        _ = 1 / 0
    with lock_first_free(["GPU-a", "GPU-b"], tmp_path) as index:
        assert index == 0


def test_a_named_device_is_used_even_if_other_runs_use_it():
    for _ in range(2):
        with claim_device("cpu") as first, claim_device("cpu") as second:
            assert first == second == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:999", "nonsense", "xla"])
def test_a_device_that_does_not_exist_is_refused_by_name(name):
    with pytest.raises(UserError, match=f"trainer.device must be a device of this machine, got '{name}'"):
        require_device(name)
