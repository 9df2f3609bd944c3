"""The last step of `dftnet prepare`: chunks → shards, labels.npz, report.csv, dataset.json."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np

from dftnet.au_sources.people import without_pairs
from dftnet.aus import AU_NAMES
from dftnet.data.cropping import read_chunk
from dftnet.data.dataset import SPLITS, FaceData, write_dataset
from dftnet.data.plan import Plan
from dftnet.data.shards import ShardWriter
from dftnet.editing.options import Report, first_of
from dftnet.errors import DatasetError
from dftnet.faces.template import TEMPLATE
from dftnet.media.files import write_file
from dftnet.units import known_to, levels_as

SPELLING = {"training": "train", "val": "validation", "valid": "validation", "dev": "validation", "testing": "test"}
"""Other words for a split."""


def assemble(plan: Plan) -> Report:
    """Chunks → shards, labels.npz, report.csv, dataset.json; then the work folder goes."""
    warnings, skipped = list(plan.warnings), list(plan.skipped)
    kept: list[dict] = []
    shards: list[dict] = []
    notes: dict[str, list[str]] = {}
    faces = _labelled(plan, skipped, notes)
    while block := list(islice(faces, plan.shard)):
        with ShardWriter(plan.output / f"shard-{len(shards):05d}.tar", overwrite=True) as shard:
            for row, suffix, data in block:
                kept.append(row | {"shard": len(shards), "extent": shard.add(row["key"], suffix, data)})
        shards.append({"name": shard.path.name, "faces": shard.count, "bytes": shard.bytes, "sha256": shard.sha256})
    names = list(known_to(plan.source.names))
    rows, extras = _arrays(plan, kept, names)
    rows["split"], told = _splits(plan, rows["subject"], rows["split"])
    warnings += [*told, text] if (text := without_pairs(rows["subject"][rows["split"] == "train"].tolist())) else told
    warnings += [f"{first_of(names)}: {note}" for note, names in notes.items()]
    reasons = dict(sorted(Counter(reason for _, reason, _ in skipped).items()))
    _write_report(plan, skipped)
    if not kept:
        why = "; ".join(f"{name}: {detail or reason}" for name, reason, detail in skipped[:1])
        more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
        raise DatasetError(f"no face is left to write: {why}{more}; {plan.output / 'report.csv'} says why of each")
    write_dataset(plan.output, _info(plan, names, shards, reasons), rows, extras)
    shutil.rmtree(plan.work, ignore_errors=True)
    lines = summary(FaceData.open(plan.output))
    return Report(path=plan.output, lines=lines, warnings=warnings, skipped={p: why for p, why, _ in skipped})


def summary(data: FaceData) -> list[str]:
    """What a set holds and what was left out, in one or two lines."""
    counts = ", ".join(f"{len(data.rows(split))} {split}" for split in SPLITS)
    prepared = data.info["prepared"]
    lines = [f"{len(data)} faces of {prepared['photos']} photos ({counts})"]
    if prepared["skipped"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in prepared["skipped"].items())
        lines.append(f"skipped: {reasons}; each is listed in report.csv")
    return lines


def _labelled(
    plan: Plan, skipped: list[tuple[str, str, str]], notes: dict[str, list[str]]
) -> Iterator[tuple[dict, str, bytes]]:
    """(row, suffix, encoded face) of every face that has a label, in order; why others have none goes to `skipped`, what was
    lost in reading the photos to `notes`, with their names."""
    for chunk in plan.chunks:
        cropped = read_chunk(chunk.path)
        skipped += [(name, reason, detail) for name, reason, detail in cropped.skipped]
        for name, note in cropped.notes:
            notes.setdefault(note, []).append(name)
        for row, (suffix, data) in zip(cropped.rows, cropped.faces, strict=True):
            if plan.labels is not None:
                row["label"] = plan.labels.row_of(tuple(row["names"]), np.array(row["landmarks"]))
                if row["label"] is None:
                    skipped.append((row["photo"], "no label", f"no row of the label file fits the face {row['key']}"))
                    continue
            elif not np.isfinite(row["aus"]).all():
                skipped.append((row["photo"], "no label", f"{plan.source.kind} finds no AUs"))
                continue
            yield row, suffix, data


def _arrays(plan: Plan, kept: list[dict], names: list[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The row arrays of labels.npz, `split` as the label file has it, and the extras."""
    n, table = len(kept), plan.labels
    index = np.array([row.get("label", 0) for row in kept], np.int64)
    text = {} if table is None else {name: values[index] for name, values in table.text.items()}
    blank = np.full(n, "", dtype="U1")
    if table is None:
        aus = np.array([row["aus"] for row in kept], np.float32).reshape(n, len(plan.source.names))
    else:
        aus = table.aus[index]
    rows = {
        "key": np.array([row["key"] for row in kept], dtype=np.str_),
        "shard": np.array([row["shard"] for row in kept], np.int32),
        "extent": np.array([row["extent"] for row in kept], np.int64).reshape(n, 2),
        "aus": levels_as(aus, plan.source.names, names) if n else np.zeros((0, len(names))),
        "subject": _subjects(kept, text.get("subject", blank)),
        "split": text.get("split", blank),
        "source": text.get("source", blank),
        "emotion": text.get("emotion", blank),
        "landmarks": np.array([row["landmarks"] for row in kept], np.float32).reshape(n, 5, 2),
        "crop_from_image": np.array([row["crop_from_image"] for row in kept], np.float64).reshape(n, 2, 3),
    }
    extras = {} if table is None else {name: values[index] for name, values in table.extras.items()}
    for name, ours in (("face_pixels", "face_pixels"), ("detection_score", "score"), ("sharpness", "sharpness")):
        extras.setdefault(name, np.array([row[ours] for row in kept], np.float32))
    return rows, extras


def _subjects(kept: list[dict], labelled: np.ndarray) -> np.ndarray:
    """Whose faces: as --people says, else the label file, else every video and every photo is a person of its own."""
    own = (row["photo"] if row.get("video") else row["key"] for row in kept)
    every = zip(kept, labelled.tolist(), own, strict=True)
    return np.array([row["subject"] or named or itself for row, named, itself in every], dtype=np.str_)


def _splits(plan: Plan, subject: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The split of each face, and warnings: the label file's, else by a hash of the subject, so that a person is in one."""
    validation, test = plan.config.validation, plan.config.test
    result = []
    unknown: Counter[str] = Counter()
    for person, word in zip(subject.tolist(), given.tolist(), strict=True):
        split = SPELLING.get(word.lower(), word.lower())
        if split and split not in SPLITS:
            unknown[word] += 1
        if split not in SPLITS:
            place = int(hashlib.sha256(person.encode()).hexdigest()[:8], 16) / 2**32
            split = "test" if place < test else "validation" if place < validation + test else "train"
        result.append(split)
    warnings = []
    if unknown:
        warnings.append(
            f"{sum(unknown.values())} rows have an unknown split ({', '.join(sorted(unknown))}): split by subject instead"
        )
    seen: dict[str, set[str]] = {}
    for person, split in zip(subject.tolist(), result, strict=True):
        seen.setdefault(person, set()).add(split)
    torn = sorted(person for person, splits in seen.items() if len(splits) > 1)
    if torn:
        warnings.append(
            f"{len(torn)} people are in more than one split (such as {torn[0]!r}): correct the split column"
        )
    return np.array(result, dtype=np.str_), warnings


def _info(plan: Plan, names: list[str], shards: list[dict], reasons: dict[str, int]) -> dict:
    """The content of dataset.json."""
    source, config = plan.source, plan.config
    return {
        "size": config.size,
        "au_names": names,
        "au_source": {
            "kind": source.kind, "raw_range": list(plan.labels.raw_range if plan.labels else (0.0, 1.0)), "note": source.note,
            "absent": [name for name in AU_NAMES if name not in names],
        },
        "alignment": {**TEMPLATE, "landmarks": "yunet" if config.landmarks == "detect" else "csv"},
        "encoding": {"format": config.encoding, "quality": config.quality},
        "faces": sum(shard["faces"] for shard in shards),
        "shards": shards,
        "prepared": {
            "fingerprint": plan.fingerprint, "photos": len(plan.found.photos), "skipped": reasons,
            "settings": config.cropping(),
        },
    }  # fmt: skip


def _write_report(plan: Plan, skipped: list[tuple[str, str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["photo", "reason", "detail"])
    writer.writerows(skipped)
    write_file(plan.output / "report.csv", text.getvalue(), overwrite=True)
