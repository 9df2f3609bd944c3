import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet import metrics  # noqa: E402
from dftnet.networks import Edit  # noqa: E402
from dftnet.training.validation import flow_health  # noqa: E402


def test_training_and_evaluation_measure_a_flow_alike():
    """The mean over a batch is the mean over its faces, the largest the largest."""
    rng = np.random.default_rng(0)
    flow = rng.normal(0, 2, (3, 2, 16, 16)).astype(np.float32)
    attention = rng.random((3, 1, 16, 16)).astype(np.float32)
    edit = Edit(torch.zeros(3, 3, 16, 16), {"flow": torch.from_numpy(flow), "attention": torch.from_numpy(attention)})
    ours, theirs = flow_health(edit), metrics.flow_health(flow, attention)
    for name in ("mean_attention", "mean_flow", "folding"):
        assert ours[name] == pytest.approx(theirs[name].mean(), rel=1e-5), name
    assert ours["max_flow"] == pytest.approx(theirs["max_flow"].max(), rel=1e-5)
    assert ours["folding"] > 0.1
