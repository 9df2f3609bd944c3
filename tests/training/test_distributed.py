"""Who a process is under torchrun, and what cannot be."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from dftnet.errors import RequestError  # noqa: E402
from dftnet.training import distributed  # noqa: E402
from dftnet.training.batches import _resident, to_device  # noqa: E402
from dftnet.training.estimator.train import train_aus  # noqa: E402


def test_one_process_needs_no_group():
    assert distributed.start()[:2] == (0, 1)
    assert distributed.is_first()
    assert distributed.from_first("word") == "word"
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.full((3,), 2.0)
    distributed.mean_gradients([weight])
    assert weight.grad.tolist() == [2, 2, 2]


def test_a_process_takes_the_gpu_of_its_number(monkeypatch: pytest.MonkeyPatch):
    taken: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert distributed.start() == (0, 1, torch.device("cuda", 1))
    assert taken == [torch.device("cuda", 1)]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(RequestError, match=r"has 2 GPUs .* give --nproc_per_node 2"):
        distributed.start()


def test_the_estimator_is_trained_by_one_process(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RequestError, match="train-aus trains in one process; start it without torchrun"):
        train_aus(tmp_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_goes_to_a_device_is_what_was_there():
    images = torch.arange(2 * 5 * 3 * 3 * 3).reshape(-1, 3, 3, 3).numpy().astype("uint8")
    images.flags.writeable = False
    assert torch.equal(_resident(images, torch.device("cpu")), torch.tensor(images.tolist(), dtype=torch.uint8))
    every_second = images[::2, 0, 0, 0]
    assert to_device(every_second.copy(), torch.device("cpu")).tolist() == every_second.tolist()
