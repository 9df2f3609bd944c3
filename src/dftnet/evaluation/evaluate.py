"""Evaluation: every metric of every contender on one fixed bench of faces, by judges that are named.

    evaluate(["dftnet-128"], "set128", "results")  →  results/results.json, results.md, manifest.json, *.png

Units asked of a model and taken as a face's own are the reader's readings, as in editing, in the model's own vocabulary.
`Score.judge` says who measured; `docs/evaluation.md` defines every metric.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from dftnet.aus import AU_NAMES
from dftnet.data.dataset import FaceData
from dftnet.editing.options import Progress, silent
from dftnet.errors import ModelError
from dftnet.evaluation import single_units
from dftnet.evaluation.bench import Measured, Section, build, joined, read_bench
from dftnet.evaluation.config import EvaluationConfig
from dftnet.evaluation.doses import read_doses
from dftnet.evaluation.judges import ESTIMATOR, Judges
from dftnet.evaluation.landing import eyelids, gaps, landing
from dftnet.evaluation.methods import Contender, contenders, describe
from dftnet.evaluation.photos import background, speed
from dftnet.evaluation.report import refuse_earlier, write_report
from dftnet.evaluation.responses import dose_response, emotions
from dftnet.faces.mesh import FaceMesh
from dftnet.units import UNITS

NO_MESH = "not measured: name a face mesh with --mesh FILE (docs/data-format.md says what is in it)"


def each_unit(m: Measured, rival: Contender) -> Section:
    """Each unit alone, its edits made and read once: the dose-response, and whether single units land."""
    doses = read_doses(m, rival)
    return joined([dose_response(m, doses), single_units.single_units(m, doses)])


SECTIONS: dict[str, Callable[[Measured, Contender], Section]] = {
    "landing": landing,
    "eyelids": eyelids,
    "gaps": gaps,
    "dose-response": each_unit,
    "sides": single_units.sides,
    "gaze": single_units.gaze,
    "eyes": single_units.eyes,
    "emotions": emotions,
    "background": background,
    "speed": speed,
}
"""In the order of the report; none needs another."""


def evaluate(
    models: Sequence[str | Path],
    data: str | Path,
    output: str | Path,
    config: EvaluationConfig | None = None,
    *,
    threads: int | None = None,
    overwrite: bool = False,
    command: str = "",
    tell: Progress = silent,
) -> dict:
    """Measure models (directories or shipped names) beside copy-input; writes the result to `output` and returns it.

    Models of several sizes are compared on faces of the largest: the maps of the others are enlarged to it, as in editing.
    `command` is noted in the result. Raises DatasetError or ModelError where data and model do not fit, FileExistsError
    where `output` holds an earlier result and `overwrite` is false.
    """
    config = config or EvaluationConfig()
    output, counts = Path(output), config.how_many
    refuse_earlier(output, overwrite)
    rivals = contenders(models, config.parts, threads)
    for rival in rivals:
        if absent := [name for name in AU_NAMES if not rival.knows(name)]:
            raise ModelError(
                f"{rival.name} does not know {', '.join(absent)}; evaluation needs the {len(AU_NAMES)} of dftnet"
            )
    faces = FaceData.open(data, max((rival.session.size for rival in rivals if rival.session), default=None))
    mesh = FaceMesh.load(config.mesh, UNITS) if config.mesh else None
    started = time.perf_counter()
    bench = build(faces, config.split, counts, config.seed, with_sheets=not config.quick)
    tell(f"reading {len(bench.images)} faces", 0, 1)
    measured = read_bench(bench, Judges.available(threads, config.reader), counts, mesh)
    tell(f"reading {len(bench.images)} faces", 1, 1)
    found = {rival.name: score(measured, rival, tell) for rival in rivals}
    judges = measured.judges
    result = {
        "format": "dftnet-results-1",
        "command": command,
        "seed": config.seed,
        "split": config.split,
        "data": {"path": str(data), "size": faces.size, "faces": len(faces), "source": faces.info.get("au_source", "")},
        "counts": {**asdict(counts), **bench.sizes},
        "reader": {"name": judges.estimator.session.note, "units": len(judges.estimator.names)},
        "judges": [ESTIMATOR, *(judge.name for judge in (judges.landmarks, judges.embedding) if judge)],
        "not_judged": judges.missing | ({} if mesh else {"along the face mesh": NO_MESH}),
        "contenders": [describe(rival) for rival in rivals],
        "seconds": round(time.perf_counter() - started, 1),
        "scores": {name: section.scores for name, section in found.items()},
        "details": {name: section.details for name, section in found.items()},
    }
    write_report(output, result, bench.manifest())
    return result


def score(m: Measured, rival: Contender, tell: Progress = silent) -> Section:
    """All scores and tables of one contender."""
    found = []
    for done, (name, section) in enumerate(SECTIONS.items()):
        tell(f"{rival.name}: {name}", done, len(SECTIONS))
        found.append(section(m, rival))
    tell(f"{rival.name}: {name}", len(SECTIONS), len(SECTIONS))
    return joined(found)
