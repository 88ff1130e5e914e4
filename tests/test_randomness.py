"""Streams of random numbers are independent and reproducible."""

import hashlib
import itertools
import os

import pytest
import torch

from vae_exp.randomness import derive, deterministic, generator, make_deterministic


def draws(*name):
    return torch.rand(1000, generator=generator(*name))


def test_a_stream_is_fixed_by_its_name():
    assert torch.equal(draws(0, "noise", 3), draws(0, "noise", 3))
    by_hand = int(hashlib.sha256(b"0/noise/3").hexdigest()[:16], 16) // 2
    assert derive(0, "noise", 3) == by_hand == 0x5C7D20BE16082ABB


def test_streams_that_differ_in_seed_purpose_or_epoch_are_independent():
    names = [
        (seed, stream, *epoch) for seed in (0, 1) for stream in ("noise", "shuffle") for epoch in ((), (1,), (11,))
    ]
    for one, other in itertools.combinations(names, 2):
        correlation = torch.corrcoef(torch.stack([draws(*one), draws(*other)]))[0, 1]
        assert abs(correlation) < 5 / 1000**0.5


def test_seeds_of_streams_are_valid_for_torch():
    seeds = {derive(seed, "noise", epoch) for seed in (0, 1, 2**63 - 1) for epoch in range(1000)}
    assert len(seeds) == 3000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_drawing_does_not_use_the_global_generator():
    before = torch.random.get_rng_state()
    draws(0, "noise")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.fixture
def settings():
    """Restore the settings that the test changes for the whole process."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    fill, benchmark = torch.utils.deterministic.fill_uninitialized_memory, torch.backends.cudnn.benchmark
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = fill
    torch.backends.cudnn.benchmark = benchmark


@pytest.mark.usefixtures("settings")
def test_make_deterministic_sets_threads_and_flags():
    torch.backends.cudnn.benchmark = True
    make_deterministic(2)
    assert torch.get_num_threads() == 2
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
    assert not torch.utils.deterministic.fill_uninitialized_memory


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("was_on", [True, False])
def test_settings_are_restored_even_after_an_error(was_on, monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.use_deterministic_algorithms(was_on, warn_only=was_on)
    torch.utils.deterministic.fill_uninitialized_memory = was_on
    torch.backends.cudnn.benchmark = was_on
    threads = torch.get_num_threads()

    def stop():
        with deterministic(threads + 1):
            assert torch.get_num_threads() == threads + 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert torch.get_num_threads() == threads
    assert torch.are_deterministic_algorithms_enabled() == was_on
    assert torch.is_deterministic_algorithms_warn_only_enabled() == was_on
    assert torch.utils.deterministic.fill_uninitialized_memory == was_on
    assert torch.backends.cudnn.benchmark == was_on
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


@pytest.mark.usefixtures("settings")
def test_an_operation_without_a_deterministic_algorithm_raises():
    make_deterministic(1)
    with pytest.raises(RuntimeError, match="deterministic"):
        torch.zeros(3, requires_grad=True).put(torch.tensor([0, 0]), torch.ones(2)).sum().backward()
