import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from dftnet.errors import RequestError  # noqa: E402
from dftnet.training import run as run_module  # noqa: E402
from dftnet.training.run import RunLog, check_claim, claim, load_state, read_log, resume, save_state, states  # noqa: E402

ROOT = Path(__file__).parent.parent.parent


def test_a_full_disk_keeps_the_old_states(tmp_path, monkeypatch):
    assert save_state(tmp_path, 10, {"x": torch.zeros(3)})

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_module.torch, "save", full)
    assert not save_state(tmp_path, 20, {"x": torch.ones(3)})
    assert [p.name for p in tmp_path.iterdir()] == ["state-0000000010.pt"]
    assert torch.equal(load_state(tmp_path)["x"], torch.zeros(3))


def test_only_the_newest_states_are_kept(tmp_path):
    for images in (1, 2, 3, 4):
        save_state(tmp_path, images, {"x": torch.tensor(images)})
    assert [p.name for p in states(tmp_path)] == ["state-0000000003.pt", "state-0000000004.pt"]


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def test_a_damaged_state_is_passed_over_without_a_word_on_stdout(tmp_path, capsys, caplog):
    for images in (1, 2):
        save_state(tmp_path, images, {"x": torch.tensor(images)})
    damage(states(tmp_path)[-1])
    assert load_state(tmp_path)["x"] == 1
    assert capsys.readouterr().out == ""
    assert "state-0000000002.pt cannot be read" in caplog.text
    assert len(states(tmp_path)) == 2  # looking changes nothing


def test_going_on_sets_a_damaged_state_aside(tmp_path):
    for images in (1, 2):
        save_state(tmp_path, images, {"x": torch.tensor(images)})
    damage(states(tmp_path)[-1])
    (tmp_path / ".state-0000000003.pt.0.tmp.pt").write_bytes(b"half")  # of a killed process
    assert resume(tmp_path)["x"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state-0000000001.pt", "state-0000000002.unreadable"]


def test_two_processes_go_on_from_one_state_past_a_damaged_one(tmp_path):
    """The second process comes late, when the first has set the damaged state aside."""
    for images in (1, 2):
        save_state(tmp_path, images, {"x": torch.tensor(images)})
    damage(states(tmp_path)[-1])
    script = tmp_path / "two.py"
    script.write_text(
        "import sys, time; from pathlib import Path; from dftnet.training import distributed\n"
        "from dftnet.training.run import resume\n"
        "rank, world, device = distributed.start()\n"
        "time.sleep(0.3 * rank)\n"
        f"x = resume(Path({str(tmp_path)!r}))['x']\n"
        f"Path({str(tmp_path)!r}, f'rank{{rank}}').write_text(str(int(x)))\n"
        "distributed.stop()\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [(tmp_path / f"rank{rank}").read_text() for rank in (0, 1)] == ["1", "1"]
    assert [p.name for p in states(tmp_path)] == ["state-0000000001.pt"]


def test_a_half_written_last_line_is_passed_over(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"images": 8, "r": 0.5}\n{"images": 16, "r": 0.6}\n{"images": 24, "r"')
    assert [line["images"] for line in read_log(tmp_path)] == [8, 16]
    log = RunLog(tmp_path, 8)
    log.write(16, {"r": 0.7})
    log.close()
    assert read_log(tmp_path) == [{"images": 8, "r": 0.5}, {"images": 16, "r": 0.7}]


def test_a_run_belongs_to_one_configuration(tmp_path):
    run = tmp_path / "run"
    check_claim(run, {"batch": 8, "threads": 1})
    assert not run.exists()
    claim(run, {"batch": 8, "threads": 1})
    check_claim(run, {"batch": 8, "threads": 2}, free=("threads",))
    with pytest.raises(RequestError, match="another batch"):
        check_claim(run, {"batch": 4, "threads": 1})
    check_claim(run, {"size": 8}, as_today=lambda old: {"size": old["batch"]})
    (run / "config.json").write_text("{")
    with pytest.raises(RequestError, match="damaged"):
        check_claim(run, {"batch": 8})
