"""`dftnet edit` as a person types it: what it writes, and one line for everything that goes wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms

from dftnet.cli import app as cli
from dftnet.cli.edit import spread
from dftnet.editing.emotions import EMOTIONS
from dftnet.inference.directory import DEFAULTS
from dftnet.media.photo import Photo, read_photo, write_photo
from dftnet.media.video import open_clip
from tests.synthetic_model import write_estimator, write_generator

PICTURE = np.ascontiguousarray(skimage.data.astronaut()[:240, 100:340])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("model"), size=64)


class Shell:
    """A working folder with photo.jpg in it, and `dftnet` to run there."""

    def __init__(self, folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
        self.folder, self.model, self.monkeypatch, self.capsys = folder, model, monkeypatch, capsys
        monkeypatch.chdir(folder)
        monkeypatch.setitem(DEFAULTS, "estimator", "none-is-shipped")

    def __call__(self, *words: str, model: bool = True) -> tuple[int, str, str]:
        """(exit code, stdout, stderr)"""
        end = ["--model", str(self.model)] if model else []
        self.monkeypatch.setattr(sys, "argv", ["dftnet", *words, *end])
        code: int | str | None = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        out = self.capsys.readouterr()
        return int(code or 0), out.out, out.err

    def fails(self, *words: str, **more: bool) -> str:
        """The one line on stderr; asserts exit code 2 and that nothing was written."""
        before = sorted(self.folder.rglob("*"))
        code, out, err = self(*words, **more)
        assert code == 2, (out, err)
        assert err.startswith("error: "), err
        assert err.count("\n") == 1, err
        assert not out
        assert sorted(self.folder.rglob("*")) == before
        return err


@pytest.fixture
def shell(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    Image.fromarray(PICTURE).save(tmp_path / "photo.jpg", quality=95)
    return Shell(tmp_path, model, monkeypatch, capsys)


def test_the_command_of_the_readme(shell: Shell) -> None:
    code, out, err = shell("edit", "photo.jpg", "--au", "AU12=0.8", "AU04=0", "-o", "out.png")
    assert code == 0, err
    assert out.startswith("out.png: face 0 of 1 (")
    assert "AU12 ? → 0.80" in out
    assert "unknown" in err
    photo, result = read_photo("photo.jpg").pixels, read_photo("out.png").pixels
    changed = (photo != result).any(2)
    assert 500 < changed.sum() < 20000
    assert result.shape == photo.shape


def test_values_may_follow_and_repeat(shell: Shell) -> None:
    ways = [
        ["photo.jpg", "--au", "AU12=0.8", "AU26=0.5"],
        ["--au", "AU12=0.8", "AU26=0.5", "photo.jpg"],
        ["--au", "AU12=0.8", "--au", "26=0.5", "photo.jpg"],
        ["photo.jpg", "--au=AU12=0.8", "--add", "drop jaw=0", "AU26=+0.5"],
    ]
    results = []
    for number, words in enumerate(ways):
        code, _, err = shell("edit", *words, "-o", f"{number}.png")
        assert code == 0, err
        results.append(read_photo(f"{number}.png").pixels)
    assert all(np.array_equal(result, results[0]) for result in results)


def test_spread() -> None:
    assert spread(["--au", "a=1", "b=2", "-o", "x"]) == ["--au", "a=1", "--au", "b=2", "-o", "x"]
    assert spread(["--au", "smile", "close eyes", "p.jpg"]) == ["--au", "smile", "--au", "close eyes", "p.jpg"]
    assert spread(["--add", "a=-1", "--au", "b=1", "p.jpg", "c=1"])[-2:] == ["p.jpg", "c=1"]
    assert spread(["--au"]) == ["--au"]
    assert spread(["--au", "AU12", "0.8", "p.jpg"]) == ["--au", "AU12=0.8", "p.jpg"]
    assert spread(["--au", "AU12:80%", "AU04:0,2", "AU45C"])[3::2] == ["AU04:0,2", "AU45C"]
    assert spread(["--au", "smile", "open eyes", "AU12L", "80%", "AU45RC"])[1::2] == [
        "smile", "open eyes", "AU12L=80%", "AU45RC",
    ]  # fmt: skip
    assert spread(["--add", "AU12", "-0.2", "AU04", "+5%"])[1::2] == ["AU12=-0.2", "AU04=+5%"]
    assert spread(["--au", "a=1", "--", "b=1"]) == ["--au", "a=1", "--", "b=1"]


def test_phrases_may_follow_each_other(shell: Shell) -> None:
    words = ["edit", "photo.jpg", "--au", "a slight smile", "eyes half closed", "--dry-run"]
    code, out, err = shell(*words)
    assert code == 0, err
    assert "asked: AU06=0.18 AU12=0.3 AU45=0.5" in out
    assert spread(["edit", "--au", "smile", "my photo.jpg"]) == ["edit", "--au", "smile", "my photo.jpg"]
    assert "no such image: the old barn" in shell.fails("edit", "--au", "smile", "the old barn", "-o", "x.png")


def test_default_output_and_overwrite(shell: Shell) -> None:
    assert shell("edit", "photo.jpg", "--au", "smile")[0] == 0
    assert Path("photo-edited.png").exists()
    assert shell("edit", "photo.jpg", "--au", "smile", "--quiet") == (0, "", "")
    assert Path("photo-edited-2.png").exists()
    assert "--overwrite" in shell.fails("edit", "photo.jpg", "--au", "smile", "-o", "photo-edited.png")
    assert shell("edit", "photo.jpg", "--au", "smile=0.5", "--overwrite")[0] == 0
    assert "exists" in shell.fails("edit", "photo.jpg", "--au", "smile", "-o", "photo.jpg")


def test_maps(shell: Shell) -> None:
    assert shell("edit", "photo.jpg", "--au", "AU12=1", "AU45=0.5", "--maps", "maps")[0] == 0
    names = {"source", "aligned", "attention", "texture", "flow", "arrows", "result", "sheet"}
    assert {path.stem for path in Path("maps").glob("*.png")} == names
    attention = np.asarray(Image.open("maps/attention.png"))
    assert attention.shape == (64, 64, 3)
    assert 120 < attention[32, 32, 0] < 135
    assert attention[0, 0, 0] == 255
    numbers = np.load("maps/maps.npz")
    assert numbers["flow"].shape == (2, 64, 64)
    assert "another folder" in shell.fails("edit", "photo.jpg", "--au", "AU12=1", "--maps", "maps", "-o", "b.png")


def test_emotions_and_neutral(shell: Shell) -> None:
    code, out, _ = shell("edit", "photo.jpg", "--emotion", "Happiness", "--strength", "0.5", "-o", "a.png")
    assert code == 0
    assert f"AU12 ? → {0.5 * EMOTIONS['happiness']['AU12']:.2f}" in out
    code, out, _ = shell("edit", "photo.jpg", "--neutral", "-o", "n.png")
    assert "unchanged" in out
    assert np.array_equal(read_photo("n.png").pixels, read_photo("photo.jpg").pixels)


def test_like_needs_an_estimator(shell: Shell, tmp_path: Path) -> None:
    assert "estimator" in shell.fails("edit", "photo.jpg", "--like", "photo.jpg")
    models = tmp_path / "models"
    write_estimator(models / "found", value=0.5)
    shell.monkeypatch.setattr("dftnet.inference.directory.WEIGHTS", models)
    shell.monkeypatch.setitem(DEFAULTS, "estimator", "found")
    code, out, err = shell("edit", "photo.jpg", "--like", "photo.jpg", "--add", "AU12=0.25", "-o", "l.png")
    assert code == 0, err
    assert "AU12 0.50 → 0.75" in out
    assert "AU45" not in out


def test_alpha_profile_orientation_and_depth_are_kept(shell: Shell) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = PICTURE
    alpha = np.tile(np.arange(240), (240, 1)).astype(np.uint8)
    write_photo("alpha.png", Photo(pixels=pixels, alpha=alpha, profile=profile))
    write_photo("deep.png", Photo(pixels=pixels.astype(np.uint16) * 257, profile=profile))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    Image.fromarray(np.rot90(pixels).copy()).save("turned.jpg", exif=exif, quality=95)
    for name in ("alpha.png", "deep.png", "turned.jpg"):
        code, _, err = shell("edit", name, "--au", "AU12=1", "-o", f"out-{name}")
        assert code == 0, err
    see_through = read_photo("out-alpha.png")
    assert np.array_equal(see_through.alpha, alpha)
    assert see_through.profile == profile
    deep = read_photo("out-deep.png")
    assert deep.pixels.dtype == np.uint16
    assert deep.profile == profile
    assert np.array_equal(deep.pixels[210:], pixels[210:].astype(np.uint16) * 257)
    turned = Image.open("out-turned.jpg")
    assert turned.size == (240, 240)
    assert turned.getexif()[0x010F] == "Camera"
    assert turned.getexif()[0x0131].startswith("dftnet")
    assert "AU12=1" in turned.getexif()[0x010E]
    assert np.abs(np.asarray(turned).astype(int)[210:] - pixels[210:]).mean() < 6


def test_edit_is_not_marked_if_told_so(shell: Shell) -> None:
    assert shell("edit", "photo.jpg", "--au", "AU12=1", "--no-mark", "-o", "a.jpg")[0] == 0
    assert not Image.open("a.jpg").getexif()


def test_several_faces(shell: Shell) -> None:
    photo = PICTURE
    Image.fromarray(np.hstack([photo, photo[:, ::-1]])).save("two.png")
    code, out, err = shell("edit", "two.png", "--au", "AU12=1", "-o", "a.png")
    assert (code, out.count("\n")) == (0, 1)
    assert "2 faces found" in err
    code, out, err = shell("edit", "two.png", "--au", "AU12=1", "--face", "all", "-o", "b.png", "--maps", "m")
    assert (code, out.count("\n")) == (0, 2)
    assert Path("m/face-0-sheet.png").exists()
    assert Path("m/face-1-sheet.png").exists()
    assert "the image has 2 faces" in shell.fails("edit", "two.png", "--au", "AU12=1", "--face", "7")
    assert "choose largest" in shell.fails("edit", "two.png", "--au", "AU12=1", "--face", "biggest")


def test_a_request_for_each_face(shell: Shell) -> None:
    group = np.hstack([PICTURE, PICTURE[:, ::-1]])
    group = np.vstack([group, np.zeros((80, 480, 3), np.uint8)])
    group[260:302, 20:62] = np.asarray(Image.fromarray(PICTURE).resize((42, 42)))
    Image.fromarray(group).save("group.png")
    code, out, err = shell("edit", "group.png", "--au", "0:AU12=1", "1:AU04=0.5", "2:AU12=1", "-o", "a.png")
    assert code == 0, err
    assert "face 0 of 3" in out
    assert "AU04 ? → 0.50" in out
    assert out.count("\n") == 2
    assert "face 2 is too small to edit" in err
    assert "left alone" in err
    code, out, err = shell("edit", "group.png", "--au", "AU12=1", "1:AU04=0.5", "-o", "b.png")
    assert (out.count("\n"), out.count("face 1")) == (1, 1)
    code, out, err = shell("edit", "group.png", "--face", "all", "--au", "AU12=1", "1:AU04=0.5", "-o", "c.png")
    assert (out.count("\n"), out.count("AU12"), out.count("AU04")) == (2, 2, 1)
    assert "too small" in shell.fails("edit", "group.png", "--au", "2:AU12=1", "-o", "d.png")


def test_json_dry_runs_and_several_photos(shell: Shell) -> None:
    before = sorted(shell.folder.rglob("*"))
    code, out, _ = shell("edit", "photo.jpg", "--au", "AU12=1", "--dry-run")
    assert (code, "nothing is written" in out) == (0, True)
    assert sorted(shell.folder.rglob("*")) == before
    code, out, _ = shell("edit", "photo.jpg", "--au", "AU12", "80%", "-o", "a.png", "--json")
    report = json.loads(out)
    assert (code, report["written"]) == (0, ["a.png"])
    assert report["faces"][0]["aus"] == {"AU12": [0, pytest.approx(0.8)]}
    code, out, err = shell("edit", "photo.jpg", "a.png", "--au", "smile", "-o", "both")
    assert (code, out) == (0, "both: 2 photos edited\n"), err
    assert 'say on which, as in "wink left"' in shell.fails("edit", "photo.jpg", "--au", "wink")
    told = shell.fails("edit", "photo.jpg", "--au", "smile", "AU45L=1")
    assert "does not know AU45L: its units have no sides, AU45 moves both" in told


def test_bad_pictures(shell: Shell) -> None:
    data = Path("photo.jpg").read_bytes()
    bad = {
        "empty.jpg": b"",
        "cut.jpg": data[: len(data) // 3],
        "text.jpg": b"hello",
    }
    for name, content in bad.items():
        Path(name).write_bytes(content)
    Image.new("RGB", (1, 1)).save("dot.png")
    Image.new("RGB", (300, 200), "gray").save("grey.png")
    messages = {
        "empty.jpg": "empty",
        "cut.jpg": "truncated",
        "text.jpg": "not a picture",
        "dot.png": "no face",
        "grey.png": "no face",
        "none.jpg": "no such",
    }
    for name, message in messages.items():
        assert message in shell.fails("edit", name, "--au", "AU12=1", "-o", "out.png")
        assert message in shell.fails("edit", name, "--au", "AU12=1", "--face", "all", "-o", "out.png")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing is asked"),
        (["--au", "AU13=1"], "did you mean"),
        (["--au", "smlie=1"], "did you mean smile"),
        (["--au", "AU12=nan"], "outside"),
        (["--au", "AU12=1.5"], "outside"),
        (["--au", "AU12=lots"], "not a number"),
        (["--au", "AU12"], "no value"),
        (["--add", "AU12=-2"], "outside"),
        (["--emotion", "hapiness"], "did you mean happiness"),
        (["--neutral", "--strength", "2"], "strength"),
        (["--neutral", "--strength", "nan"], "strength"),
        (["--neutral", "-o", "out.xyz"], "end its name"),
        (["--neutral", "-o", "out"], "end its name"),
        (["--neutral", "--threads", "0"], "threads"),
        (["--neutral", "--like", "none.jpg"], "estimator"),
    ],
)
def test_bad_requests(shell: Shell, words: list[str], message: str) -> None:
    assert message in shell.fails("edit", "photo.jpg", *words)


def test_bad_models(shell: Shell) -> None:
    for model in ("nowhere", "."):
        assert "model directory" in shell.fails("edit", "photo.jpg", "--neutral", "--model", model, model=False)


@pytest.mark.parametrize("name", ["strip.png", "move.gif", "move.mp4", "frames"])
def test_sweep(shell: Shell, name: str) -> None:
    code, out, err = shell("edit", "photo.jpg", "--sweep", "AU45", "0:1:3", "--au", "AU12=1", "-o", name)
    assert code == 0, err
    assert "AU45 at 0, 0.5, 1" in out
    mark = "compositeWithTrainedAlgorithmicMedia"
    if name == "strip.png":
        strip = read_photo(name)
        assert strip.pixels.shape[1] == 3 * 256
        assert mark in (strip.xmp or b"").decode()
    elif name == "move.gif":
        with Image.open(name) as image:
            assert image.n_frames == 4
            assert mark in image.info["comment"].decode()
            assert "AU12=1 AU45 at 0, 0.5, 1" in image.info["comment"].decode()
    elif name == "move.mp4":
        frames = list(open_clip(name).frames())
        assert [frame.time for frame in frames] == pytest.approx([0, 0.12, 0.24, 0.36], abs=1e-3)
        with av.open(name) as container:
            assert mark in container.metadata["comment"]
    else:
        frames = [read_photo(path).pixels for path in sorted(Path(name).iterdir())]
        assert len(frames) == 3
        assert frames[0].shape == PICTURE.shape
        assert not np.array_equal(frames[0], frames[2])
    assert "exists" in shell.fails("edit", "photo.jpg", "--sweep", "AU45", "0:1:3", "-o", name)


@pytest.mark.parametrize("words", [["AU45"], ["AU45", "0:1"], ["AU45", "0:2:3"], ["AU99", "0:1:3"], ["AU45=0:1:1"]])
def test_bad_sweeps(shell: Shell, words: list[str]) -> None:
    shell.fails("edit", "photo.jpg", "-o", "strip.png", "--sweep", *words)


def test_what_does_not_go_together(shell: Shell) -> None:
    Path("in").mkdir()
    for words in (["--au", "AU12=0@0s,1@1s"], ["--au", "0:AU12=1"], ["--drive", "photo.jpg"]):
        assert "one face of a photo" in shell.fails("edit", "photo.jpg", "--sweep", "AU45", "0:1:3", *words)
    assert "not for a folder" in shell.fails("edit", "in", "--au", "AU12=0@0s,1@1s", "-o", "out")
    assert "not for a folder" in shell.fails("edit", "in", "--au", "0:AU12=1", "-o", "out")


def test_a_folder(shell: Shell) -> None:
    Path("in/deep").mkdir(parents=True)
    Path("in/deep/a.jpg").write_bytes(Path("photo.jpg").read_bytes())
    Image.fromarray(PICTURE).save("in/b.gif")
    Path("in/bad.jpg").write_bytes(b"hello")
    Image.new("RGB", (50, 50)).save("in/none.png")
    assert "-o" in shell.fails("edit", "in", "--au", "AU12=1")
    assert "come from" in shell.fails("edit", "in", "--au", "AU12=1", "-o", "in")
    code, out, err = shell("edit", "in", "--au", "AU12=1", "-o", "out")
    assert code == 1
    assert "2 photos edited" in out
    assert "failed: bad.jpg" in err
    assert "failed: none.png: no face" in err
    assert {str(path) for path in Path("out").rglob("*.*")} == {"out/deep/a.jpg", "out/b.gif.png"}
    code, out, err = shell("edit", "in", "--au", "AU12=1", "-o", "out")
    assert "0 photos edited, 2 were there already" in out
    Path("empty").mkdir()
    assert "no photo" in shell.fails("edit", "empty", "--au", "AU12=1", "-o", "out2")


def test_help_names_every_option(shell: Shell) -> None:
    shell.monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = shell("edit", "--help", model=False)
    assert code == 0
    for option in ("--au", "--add", "--neutral", "--emotion", "--like", "--strength", "--face", "--maps", "-o"):
        assert option in out


def test_our_own_mistakes_show_themselves(shell: Shell) -> None:
    """A bug was told as the user's: "error: operands could not be broadcast"."""

    def broken(*given: object, **more: object) -> None:
        raise ValueError("operands could not be broadcast together")

    shell.monkeypatch.setattr("dftnet.editing.edit.edit", broken)
    with pytest.raises(ValueError, match="broadcast"):
        shell("edit", "photo.jpg", "--au", "smile")
