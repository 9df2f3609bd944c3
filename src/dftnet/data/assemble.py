"""The last step of `dftnet prepare`: chunks → shards, labels.npz, report.csv, dataset.json."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import shutil
from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from dftnet.aus import AU_NAMES
from dftnet.data.cropping import Chunk, read_chunk
from dftnet.data.dataset import SPLITS, FaceData, write_dataset
from dftnet.data.prepare_plan import SHARD, Run
from dftnet.data.shards import ShardWriter
from dftnet.faces.template import TEMPLATE
from dftnet.media.files import write_file


@dataclass
class Prepared:
    """What `prepare` did: the opened set, photos seen, faces written, skipped photos by reason, warnings told."""

    data: FaceData
    photos: int
    faces: int
    skipped: dict[str, int]
    warnings: list[str]


def assemble(run: Run, chunks: list[Chunk], shares: tuple[float, float]) -> Prepared:
    """Chunks → shards, labels.npz, report.csv, dataset.json; then the work folder goes."""
    kept: list[dict] = []
    shards: list[dict] = []
    writer: ShardWriter | None = None
    with contextlib.ExitStack() as stack:
        for chunk in chunks:
            rows, skipped, faces = read_chunk(chunk.path)
            run.skipped += [(name, reason, detail) for name, reason, detail in skipped]
            for row, (suffix, data) in zip(rows, faces, strict=True):
                if not _label(run, row):
                    continue
                if writer is None:
                    path = run.output / f"shard-{len(shards):05d}.tar"
                    writer = stack.enter_context(ShardWriter(path, overwrite=True))
                row["shard"] = len(shards)
                writer.add(row["key"], suffix, data)
                kept.append(row)
                if writer.count == SHARD:
                    _close(stack, writer, shards)
                    writer = None
        if writer is not None:
            _close(stack, writer, shards)
    names = [name for name in AU_NAMES if name in run.source.names]
    rows_by_name, extras = _arrays(run, kept, names, shares)
    reasons = dict(sorted(Counter(reason for _, reason, _ in run.skipped).items()))
    _write_report(run)
    write_dataset(run.output, _info(run, names, shards, reasons), rows_by_name, extras)
    shutil.rmtree(run.work, ignore_errors=True)
    return Prepared(FaceData.open(run.output), len(run.found.photos), len(kept), reasons, run.warnings)


def _close(stack: contextlib.ExitStack, writer: ShardWriter, shards: list[dict]) -> None:
    stack.close()
    shards.append({"name": writer.path.name, "faces": writer.count, "bytes": writer.bytes, "sha256": writer.sha256})


def _label(run: Run, row: dict) -> bool:
    """Enters the label row (number) or AUs of a face; False, and a line in the report, where there is none."""
    if run.labels is not None:
        row["label"] = run.labels.row_of(tuple(row["names"]), np.array(row["landmarks"]))
        if row["label"] is None:
            run.skipped.append((row["photo"], "no label", f"no row of the label file fits the face {row['key']}"))
            return False
        return True
    if not np.isfinite(row["aus"]).all():
        run.skipped.append((row["photo"], "no label", f"{run.source.kind} finds no AUs"))
        return False
    return True


def _arrays(
    run: Run, kept: list[dict], names: list[str], shares: tuple[float, float]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The row arrays of labels.npz and the extras."""
    n, table = len(kept), run.labels
    index = np.array([row.get("label", 0) for row in kept], np.int64)
    text = {} if table is None else {name: values[index] for name, values in table.text.items()}
    blank = np.full(n, "", dtype="U1")
    keys = np.array([row["key"] for row in kept], dtype=np.str_)
    subject = np.array([row["subject"] or row["key"] for row in kept], dtype=np.str_)
    if "subject" in text:
        subject = np.where(text["subject"] == "", subject, text["subject"])
    if table is None:
        aus = np.array([row["aus"] for row in kept], np.float32).reshape(n, -1)
    else:
        aus = table.aus[index]
    rows = {
        "key": keys,
        "shard": np.array([row["shard"] for row in kept], np.int32),
        "aus": aus[:, [run.source.names.index(name) for name in names]] if n else np.zeros((0, len(names))),
        "subject": subject,
        "split": _splits(run, subject, text.get("split", blank), shares),
        "source": text.get("source", blank),
        "emotion": text.get("emotion", blank),
        "landmarks": np.array([row["landmarks"] for row in kept], np.float32).reshape(n, 5, 2),
        "crop_from_image": np.array([row["crop_from_image"] for row in kept], np.float64).reshape(n, 2, 3),
    }
    extras = {} if table is None else {name: values[index] for name, values in table.extras.items()}
    for name, ours in (("face_pixels", "face_pixels"), ("detection_score", "score"), ("sharpness", "sharpness")):
        extras.setdefault(name, np.array([row[ours] for row in kept], np.float32))
    return rows, extras


def _splits(run: Run, subject: np.ndarray, given: np.ndarray, shares: tuple[float, float]) -> np.ndarray:
    """The split of each face: the label file's, else by a hash of the subject, so that a person is in one split."""
    spelling = {"training": "train", "val": "validation", "valid": "validation", "dev": "validation", "testing": "test"}
    result = []
    unknown: Counter[str] = Counter()
    for person, word in zip(subject.tolist(), given.tolist(), strict=True):
        split = spelling.get(word.lower(), word.lower())
        if split and split not in SPLITS:
            unknown[word] += 1
        if split not in SPLITS:
            place = int(hashlib.sha256(person.encode()).hexdigest()[:8], 16) / 2**32
            split = "test" if place < shares[1] else "validation" if place < shares[0] + shares[1] else "train"
        result.append(split)
    if unknown:
        run.warnings.append(
            f"{sum(unknown.values())} rows have an unknown split ({', '.join(sorted(unknown))}): split by subject instead"
        )
    seen: dict[str, set[str]] = {}
    for person, split in zip(subject.tolist(), result, strict=True):
        seen.setdefault(person, set()).add(split)
    torn = sorted(person for person, splits in seen.items() if len(splits) > 1)
    if torn:
        run.warnings.append(
            f"{len(torn)} people are in more than one split (such as {torn[0]!r}): correct the split column"
        )
    return np.array(result, dtype=np.str_)


def _info(run: Run, names: list[str], shards: list[dict], reasons: dict[str, int]) -> dict:
    """The content of dataset.json."""
    source, settings = run.source, run.settings
    return {
        "size": settings.size,
        "au_names": names,
        "au_source": {
            "kind": source.kind, "raw_range": list(source.raw_range), "note": source.note,
            "absent": [name for name in AU_NAMES if name not in names],
        },
        "alignment": {**TEMPLATE, "landmarks": "yunet" if settings.landmarks == "detect" else "csv"},
        "encoding": {"format": settings.encoding, "quality": settings.quality},
        "faces": sum(shard["faces"] for shard in shards),
        "shards": shards,
        "prepared": {
            "fingerprint": run.fingerprint, "photos": len(run.found.photos), "skipped": reasons,
            "settings": asdict(settings),
        },
    }  # fmt: skip


def _write_report(run: Run) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["photo", "reason", "detail"])
    writer.writerows(run.skipped)
    write_file(run.output / "report.csv", text.getvalue(), overwrite=True)
