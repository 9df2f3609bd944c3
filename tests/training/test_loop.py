import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from dftnet.aus import AU_NAMES  # noqa: E402
from dftnet.data.dataset import FaceData  # noqa: E402
from dftnet.errors import RequestError  # noqa: E402
from dftnet.inference.directory import find_model, open_model  # noqa: E402
from dftnet.training import loop  # noqa: E402
from dftnet.training.batches import BatchSource  # noqa: E402
from dftnet.training.config import load, stretch, to_dict  # noqa: E402
from dftnet.training.export import load_generator  # noqa: E402
from dftnet.training.finish import Finish, export_run  # noqa: E402
from dftnet.training.loop import Trainer, schedule, train  # noqa: E402
from dftnet.training.players import Players  # noqa: E402
from dftnet.training.presets import preset  # noqa: E402
from dftnet.training.progress import collapse  # noqa: E402
from dftnet.training.run import load_state, read_log, states  # noqa: E402
from dftnet.training.teachers import build_teachers  # noqa: E402
from dftnet.units import UNITS  # noqa: E402
from tests.toy_faces import write_toy_faces  # noqa: E402

TINY = preset("tiny")
CPU = torch.device("cpu")
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_toy_faces(tmp_path_factory.mktemp("toy") / "set")


@pytest.fixture(scope="module")
def finished(faces, tmp_path_factory):
    run = tmp_path_factory.mktemp("run") / "whole"
    train(faces, run, TINY, quiet=False)
    return run


def weights(run: Path) -> dict:
    return {k: v for k, v in load_state(run)["players"]["generator"].items()}


def test_a_run_leaves_a_model_logs_and_sheets(finished):
    lines = [json.loads(line) for line in (finished / "log.jsonl").read_text().splitlines()]
    kinds = {line["kind"] for line in lines}
    assert kinds == {"train", "validation"}
    last = [line for line in lines if line["kind"] == "train"][-1]
    assert {"mean_attention", "mean_flow", "folding", "images_per_second", "pair", "critic_adversarial"} <= last.keys()
    validation = [line for line in lines if line["kind"] == "validation"][-1]
    assert {"au_error", "au_error_copy", "pair_gap", "null_psnr"} <= validation.keys()
    assert list((finished / "samples").glob("*.png"))
    assert list((finished / "tensorboard").iterdir())
    model = finished / "model"
    assert {p.name for p in model.iterdir()} == {
        "config.json", "generator.safetensors", "generator.onnx", "example.safetensors",
    }  # fmt: skip
    config = json.loads((model / "config.json").read_text())
    assert config["provenance"]["images_seen"] == TINY.images
    assert config["results"]["au_error"] == validation["au_error"]
    assert load_generator(model).config == TINY.generator
    assert json.loads((finished / "config.json").read_text()) == to_dict(TINY)


def test_the_model_directory_is_one_that_editing_opens(finished):
    from dftnet.inference.sessions import GeneratorSession

    session = GeneratorSession(finished / "model")
    crops = np.zeros((2, 32, 32, 3), np.uint8)
    maps = session(crops, np.zeros((2, 17), np.float32), np.ones((2, 17), np.float32))
    assert maps.flow.shape == (2, 2, 32, 32)


@pytest.mark.parametrize("stop", [32, 64])
def test_resuming_repeats_the_run_bit_for_bit(faces, finished, tmp_path, stop):
    train(faces, tmp_path / "run", TINY, quiet=True, stop_after=stop)
    train(faces, tmp_path / "run", TINY, quiet=True)
    a, b = weights(finished), weights(tmp_path / "run")
    assert all(torch.equal(a[k], b[k]) for k in a)
    whole, resumed = (json.loads((r / "model/config.json").read_text()) for r in (finished, tmp_path / "run"))
    assert whole["provenance"] == resumed["provenance"]


def test_killed_in_the_middle_costs_one_interval(faces, finished, tmp_path):
    run = tmp_path / "run"
    code = (
        "from tests.training.test_loop import TINY; from dftnet.training.loop import train; "
        f"train({str(faces)!r}, {str(run)!r}, TINY)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (run.exists() and states(run)) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert states(run)
    train(faces, run, TINY, quiet=False)
    a, b = weights(finished), weights(run)
    assert all(torch.equal(a[k], b[k]) for k in a)
    seen = [(line["images"], line["kind"]) for line in map(json.loads, (run / "log.jsonl").read_text().splitlines())]
    assert len(seen) == len(set(seen))


def test_a_half_written_state_is_passed_over(faces, finished, tmp_path):
    run = tmp_path / "run"
    train(faces, run, TINY, quiet=True, stop_after=64)
    newest = states(run)[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    train(faces, run, TINY, quiet=True)
    a, b = weights(finished), weights(run)
    assert all(torch.equal(a[k], b[k]) for k in a)


WATCHED = """
import os, signal
from dftnet.data.dataset import FaceData
from dftnet.training.loop import Trainer
decode, step = FaceData._decode_into, Trainer.step
life, rank = os.environ["TORCHELASTIC_RESTART_COUNT"], os.environ["RANK"]
def told(self, *arguments):
    print("decoded by", rank, flush=True)
    return decode(self, *arguments)
def killed(self, images_seen, index):
    if (life, rank, images_seen) == ("0", "1", 48):
        os.kill(os.getpid(), signal.SIGKILL)
    if life == "1" and not lived:
        lived.append(rank)
        print("goes on at", images_seen, flush=True)
    return step(self, images_seen, index)
lived = []
FaceData._decode_into, Trainer.step = told, killed
"""
"""Says who decodes the set, kills the second process in the middle of its first life, and says where the second life begins."""


def test_two_processes_equal_one_also_when_one_was_killed(faces, tmp_path):
    config = replace(stretch(replace(TINY, decay_images=24), 64), checkpoint_images=32)
    (tmp_path / "config.json").write_text(json.dumps(to_dict(config)))
    train(faces, tmp_path / "one", config, quiet=True)
    code = (
        "import sys; from dftnet.training.config import load; from dftnet.training.loop import train;"
        f"train({str(faces)!r}, {str(tmp_path / 'two')!r}, load({str(tmp_path / 'config.json')!r}), quiet=True)"
    )
    script = tmp_path / "two.py"
    script.write_text(WATCHED + code)
    shutil.rmtree(faces / "cache")  # so that the set has to be decoded
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--max-restarts=1"]
    command.append(str(script))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["decoded by 0", "goes on at 32", "goes on at 32"]
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    start = _initial()
    moved = sum(float((one[k] - v).abs().sum()) for k, v in start.items())
    apart = sum(float((one[k] - two[k]).abs().sum()) for k in one)
    assert apart < 0.01 * moved  # the order of summation differs, and Adam makes the most of the smallest gradients


def _initial() -> dict:
    return Players.build(TINY, AU_NAMES, CPU).generator.state_dict()


def test_another_configuration_is_refused(faces, finished):
    with pytest.raises(RequestError, match="begun with another seed"):
        train(faces, finished, replace(TINY, seed=1), quiet=True)


def test_learning_rate_is_constant_then_linear_to_zero():
    config = replace(stretch(TINY, 100), decay_images=40)
    assert [schedule(config, n) for n in (0, 60, 80, 100)] == [1, 1, 0.5, 0]
    assert [schedule(replace(config, warmup_images=32), n) for n in (0, 8, 24, 32)] == [0.25, 0.5, 1, 1]


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"mean_attention": 0.99, "mean_flow": 0.1}, "copies"),
        ({"mean_attention": 0.05, "mean_flow": 1.0}, "unused"),
        ({"mean_attention": 0.9, "mean_flow": 3.0, "folding": 0.02}, "folds"),
    ],
)
def test_collapse_is_named_with_a_remedy(values, word):
    assert word in (collapse(values) or "")
    assert collapse({"mean_attention": 0.9, "mean_flow": 0.5, "folding": 0.0}) is None


@pytest.mark.parametrize("name", ["paper", "ganimation"])
def test_the_papers_losses_train_too(faces, tmp_path, name):
    """The losses and schedule of the preset on toy networks: five critic steps, then one of the generator."""
    full = preset(name)
    generator = TINY.generator if name == "paper" else type(full.generator)(width=8, residual_blocks=1)
    config = replace(
        stretch(full, 80), generator=generator, critic=TINY.critic, decay_images=16, batch=8,
        log_images=40, sample_images=80, validate_images=80, checkpoint_images=80,
    )  # fmt: skip
    train(faces, tmp_path / "run", config)
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert {"critic_gradient_penalty", "reconstruction", "attention", "adversarial"} <= lines[0].keys()


def test_an_unfinished_run_can_be_exported_and_started_from(faces, finished, tmp_path):
    run = tmp_path / "run"
    train(faces, run, TINY, quiet=True, stop_after=32)
    model = export_run(run, tmp_path / "model", faces)
    assert json.loads((model / "config.json").read_text())["provenance"]["images_seen"] == 32
    decided = load_generator(export_run(run, tmp_path / "decided", faces, Finish(attention=(2.0, -1.0))))
    x, y = torch.zeros(1, 3, 32, 32), torch.ones(1, 17)
    with torch.no_grad():
        logits = [torch.logit(g(x, y).parts["attention"]) for g in (load_generator(model), decided)]
    assert torch.allclose(logits[1], 2 * logits[0] - 1, atol=0.02)
    told = [export_run(run, tmp_path / f"opens-{yes}", faces, Finish(opens_eyes=yes)) for yes in (False, True)]
    assert [open_model(path, "generator").opens_eyes for path in told] == [False, True]
    with pytest.raises(RequestError, match="leave out --turns-head"):
        export_run(run, tmp_path / "turns", faces, Finish(turns_head=True))
    louder = load_generator(export_run(run, tmp_path / "louder", faces, Finish(condition={"AU45": 1.5})))
    more = torch.cat([y[:, :-1], 1.5 * y[:, -1:]], 1)
    with torch.no_grad():
        assert torch.allclose(louder(x, y).image, load_generator(model)(x, more).image, atol=0.02)
    other = replace(stretch(TINY, 16), init=str(model), decay_images=0, learning_rate=0.0)
    train(faces, tmp_path / "next", other, quiet=True, stop_after=8)
    model.rename(tmp_path / "moved")  # a run that goes on does not need what it began with
    train(faces, tmp_path / "next", other, quiet=True)
    (tmp_path / "moved").rename(model)
    a, b = load_generator(model).state_dict(), load_generator(tmp_path / "next" / "model").state_dict()
    assert all(torch.equal(a[k], b[k]) for k in a)
    with pytest.raises(ValueError, match="no training run"):
        export_run(tmp_path)
    wide = replace(TINY, generator=replace(TINY.generator, channels=(8, 16, 24)), init=str(model))
    with pytest.raises(ValueError, match="another architecture"):
        train(faces, tmp_path / "wide", wide, quiet=True)


def test_fine_tuning_starts_from_the_shipped_model_by_its_name():
    start = load_generator(find_model("dftnet-128", "generator"))
    players = Players.build(preset("finetune"), UNITS, CPU)
    image, asked = torch.rand(1, 3, 128, 128) * 2 - 1, torch.rand(1, len(UNITS))
    more = torch.cat([asked, torch.zeros(1, start.config.au_count - len(UNITS))], 1)
    with torch.no_grad():
        own, theirs = players.generator(image, asked), start(image, more)
    assert torch.allclose(own.parts["flow"], theirs.parts["flow"], atol=1e-3)
    assert (own.image - theirs.image).abs().mean() < 1e-4
    average = players.average.state_dict()
    assert all(torch.equal(value, average[name]) for name, value in players.generator.state_dict().items())


def test_the_warp_phase_has_its_own_weights(faces, tmp_path):
    warp, paint, _ = TINY.phases
    phases = (replace(warp, images=16, weights={"identity": 1.0}), replace(paint, images=16))
    train(faces, tmp_path / "run", replace(TINY, phases=phases, decay_images=0, log_images=16))
    warp, paint = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()][:2]
    assert "identity" in warp
    assert "pair" in paint
    assert "identity" not in paint


def test_runs_are_mixed_by_their_shares(faces, tmp_path):
    runs = [tmp_path / "a", tmp_path / "b"]
    for seed, run in enumerate(runs):
        train(faces, run, replace(TINY, seed=seed), quiet=True, stop_after=16)
    a, b = (load_generator(export_run(run)).state_dict() for run in runs)
    finish = Finish(mixed={str(runs[1]): 0.25})
    model = export_run(runs[0], tmp_path / "mixed", finish=finish)
    mixed = load_generator(model).state_dict()
    assert all(torch.allclose(mixed[k], 0.75 * a[k] + 0.25 * b[k], atol=1e-3) for k in a)
    shares = json.loads((model / "config.json").read_text())["provenance"]["mixed"]
    assert shares == [{"run": "b", "images_seen": 16, "share": 0.25}]
    with pytest.raises(ValueError, match="sum below 1"):
        Finish(mixed={"b": 0.5, "c": 0.6})
    wide = replace(TINY, generator=replace(TINY.generator, channels=(8, 16, 24)))
    train(faces, tmp_path / "wide", wide, quiet=True, stop_after=16)
    with pytest.raises(ValueError, match="another architecture"):
        export_run(runs[0], tmp_path / "no", finish=Finish(mixed={str(tmp_path / "wide"): 0.5}))


def test_a_guide_of_another_size_sees_the_edit_enlarged(faces, tmp_path):
    weights = replace(TINY.weights, guide=1.0, guide_aligned=1.0)
    config = replace(stretch(TINY, 24), decay_images=0, guide="shipped", weights=weights, log_images=8)
    train(faces, tmp_path / "run", config, quiet=False)
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert {"guide", "guide_aligned"} <= lines[1].keys()


def test_the_verb_trains_and_reports_mistakes_in_one_line(faces, tmp_path):
    def run(*words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "dftnet", "train", str(faces), "-o", str(tmp_path / "run"), *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    done = run("--preset", "tiny", "--images", "16", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("model")
    for words, said in (
        (["--preset", "huge"], "stable"),
        (["--preset", "tiny", "--set", "weights.pear=1"], "weights.pair"),
    ):
        done = run(*words)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert said in done.stderr


def test_a_half_written_log_line_does_not_keep_a_run_from_its_export(faces, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    with open(tmp_path / "run" / "log.jsonl", "a") as log:
        log.write('{"images": 96, "kind": "valid')
    config = json.loads((export_run(tmp_path / "run", tmp_path / "model", faces) / "config.json").read_text())
    assert config["results"] == json.loads((finished / "model" / "config.json").read_text())["results"]


def strangers(faces: Path, place: Path, split: str) -> Path:
    """The same set, each photo of the split (or of all) of another person."""
    shutil.copytree(faces, place)
    with np.load(place / "labels.npz") as file:
        arrays = dict(file)
    arrays["subject"] = np.where(arrays["split"] == split, arrays["key"], arrays["subject"])
    if split == "all":
        arrays["subject"] = arrays["key"]
    np.savez(place / "labels.npz", **arrays)
    return place


def test_photos_of_strangers_train_and_it_is_said(faces, tmp_path, capsys):
    place = strangers(faces, tmp_path / "set", "all")
    train(place, tmp_path / "run", TINY)
    assert capsys.readouterr().err.count("without pairs") == 1
    written = load(tmp_path / "run" / "config.json")
    assert (written.pair_share, written.images) == (0, TINY.images)
    train(place, tmp_path / "run", TINY, quiet=True)  # the same command is the same run
    train(place, tmp_path / "run", written, quiet=True)


def test_a_validation_split_of_strangers_is_validated_without_pairs(faces, tmp_path):
    place = strangers(faces, tmp_path / "set", "validation")
    train(place, tmp_path / "run", stretch(TINY, 32), quiet=True)
    validation = [line for line in read_log(tmp_path / "run") if line["kind"] == "validation"][-1]
    assert "au_error" in validation
    assert "pair_gap" not in validation


def test_a_start_that_fails_leaves_nothing_behind(faces, tmp_path):
    for wrong, message in (
        (preset("paper"), "pixel faces|evenly"),
        (replace(TINY, init=str(tmp_path / "none")), "is not a directory"),
        (replace(TINY, focus={"AU99": 2.0}), "AU99"),
    ):
        with pytest.raises(RequestError if "AU99" in message else ValueError, match=message):
            train(faces, tmp_path / "run", wrong)
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(faces, finished, tmp_path, monkeypatch, capsys, wish):
    step = Trainer.step

    def interrupted(self, images_seen, index):
        if images_seen == 56:
            os.kill(os.getpid(), wish)
        return step(self, images_seen, index)

    monkeypatch.setattr(Trainer, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(faces, tmp_path / "run", TINY)
    assert "stopped at 64 images; the same command goes on from there" in capsys.readouterr().err
    assert states(tmp_path / "run")[-1].name == "state-0000000064.pt"
    monkeypatch.undo()
    train(faces, tmp_path / "run", TINY, quiet=True)
    a, b = weights(finished), weights(tmp_path / "run")
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_state_is_written_when_ten_minutes_have_passed(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    train(faces, tmp_path / "run", replace(TINY, checkpoint_images=10_000), quiet=True, stop_after=24)
    assert [p.name for p in states(tmp_path / "run")] == ["state-0000000016.pt", "state-0000000024.pt"]


class Reads(TorchDispatchMode):
    """Counts the times that a number is read from a tensor, for which a GPU has to be waited for."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        return func(*args, **(kwargs or {}))


def test_a_step_never_waits_for_the_device(faces, monkeypatch):
    source = BatchSource(FaceData.open(faces), TINY, CPU)
    trainer = Trainer(TINY, source, Players.build(TINY, AU_NAMES, CPU), [])
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: None)  # its counters are on the CPU
    for images_seen in (0, 32, 48):
        with Reads() as reads:
            trainer.step(images_seen, 0)
        assert reads.count == 0, TINY.phase_at(images_seen).name
    with Reads() as reads:
        assert set(trainer.health()) == {"mean_attention", "mean_flow", "max_flow", "folding"}
    assert reads.count == 4


def test_a_compiled_generator_learns_the_same_under_the_same_names(faces, monkeypatch):
    """Traced as for a GPU, but run operator by operator: inductor would take minutes."""
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network: real(network, backend="eager"))
    states = []
    for compiled in (False, True):
        config = replace(TINY, compile=compiled)
        players = Players.build(config, AU_NAMES, CPU)
        Trainer(config, BatchSource(FaceData.open(faces), config, CPU), players, []).step(48, 0)
        states.append(players.state()["generator"])
    assert states[0].keys() == states[1].keys()
    assert all(torch.allclose(states[0][name], states[1][name], atol=1e-6) for name in states[0])


class Waits(TorchDispatchMode):
    """Notes copies to a device that wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.copies = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default and made.device != args[0].device:
            self.copies += 1
            if not (kwargs or {}).get("non_blocking"):
                self.found.append(f"{args[0].dtype} {tuple(args[0].shape)}")
        return made


META = torch.device("meta")
"""Computes nothing, and refuses to mix with tensors that were left on the CPU: what every other device would have to stand."""


@pytest.mark.parametrize("name", ["tiny", "paper", "stable", "ganimation"])
def test_every_tensor_of_a_step_is_on_the_device(tmp_path, name, monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *given, **more: contextlib.nullcontext())  # knows no "meta"
    config = replace(preset(name, 64), batch=4, penalty_every=1)
    source = BatchSource(FaceData.open(write_toy_faces(tmp_path / "set", 64)), config, META)
    trainer = Trainer(config, source, Players.build(config, AU_NAMES, META), [*build_teachers(config, AU_NAMES, META)])
    start = 0
    for phase in config.phases:
        for index in range(config.critic_steps):
            with Waits() as waits:
                values = trainer.step(start, index)
            assert waits.copies
            assert not waits.found, "copied without being told not to wait"
            assert {value.device for value in values.values()} == {META}
        start += phase.images


def test_trying_the_pace_changes_nothing(faces, monkeypatch):
    monkeypatch.setattr(loop, "TRIAL_STEPS", 0)
    source = BatchSource(FaceData.open(faces), TINY, CPU)
    players = Players.build(TINY, AU_NAMES, CPU)
    before = {k: v.clone() for k, v in players.generator.state_dict().items()}
    pace = loop.tried_pace(Trainer(TINY, source, players, []), 0)
    assert all(torch.equal(v, before[k]) for k, v in players.generator.state_dict().items())
    assert not players.generator_adam.state
    costs = [cost for _, cost in pace.phases]
    assert pace.left(0) == pytest.approx(sum(images * cost for images, cost in pace.phases))
    assert costs[0] < costs[2]  # a warp alone costs less than all players
