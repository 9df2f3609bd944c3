"""results.json, results.md, manifest.json and plots of one evaluation."""

from __future__ import annotations

import json
import math
from pathlib import Path

from dftnet.evaluation.landing import TURNED
from dftnet.evaluation.methods import COPY
from dftnet.media.files import write_file

FILES = ("results.json", "results.md", "manifest.json")


def refuse_earlier(folder: Path, overwrite: bool) -> None:
    """FileExistsError where `folder` holds an earlier result that is not to be replaced."""
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file: give a folder for the results")
    earlier = [name for name in FILES if (folder / name).exists()]
    if earlier and not overwrite:
        raise FileExistsError(f"{folder / earlier[0]} exists: choose another folder or allow overwriting (--overwrite)")


def write_report(folder: Path, result: dict, manifest: dict) -> None:
    """Write everything to `folder`, replacing an earlier result there (`refuse_earlier` asks first)."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = {
        "results.json": json.dumps(as_json(result), indent=1, allow_nan=False) + "\n",
        "manifest.json": json.dumps({"seed": result["seed"], **manifest}, indent=1) + "\n",
        "results.md": as_markdown(result),
    }
    for name, text in documents.items():
        write_file(folder / name, text, overwrite=True)
    plots(folder, result)


def as_json(value):
    """Scores as objects, infinities as "exact" and NaN as null: JSON has neither."""
    if hasattr(value, "_asdict"):
        return as_json(value._asdict())
    if isinstance(value, dict):
        return {key: as_json(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "exact" if value > 0 else None
    return value


def as_markdown(result: dict) -> str:
    """One table, a row a metric, a column a contender; then tables by AU."""
    names = list(result["scores"])
    lines = [
        "# Results", "", f"`{result['command']}`", "",
        f"Seed {result['seed']}, split {result['split']} of `{result['data']['path']}` ({result['data']['faces']} faces); "
        + ", ".join(f"{key} {value}" for key, value in result["counts"].items())
        + f"; {result['seconds']} s. Brackets: 95 % bootstrap over identities.", "",
    ]  # fmt: skip
    for about in result["contenders"]:
        if "sha256" in about:
            size = f"{about['graph_bytes'] / 1e6:.1f} MB"
            count = f", {about['parameters'] / 1e6:.2f} M parameters" if "parameters" in about else ""
            lines.append(
                f"- {about['name']}: {about['units']} units, generator.onnx {size}{count}, sha256 `{about['sha256'][:16]}`"
            )
    lines += [f"- {judge}: {reason}" for judge, reason in result["not_judged"].items()]
    lines += ["", *score_table(result["scores"]), ""]
    for name in names:
        if name == COPY:  # its tables are zeros; results.json has them
            continue
        for title, table in result["details"].get(name, {}).items():
            lines += [f"## {name}: {title}", "", *_detail_table(table), ""]
    return "\n".join(lines)


def score_table(scores: dict[str, list]) -> list[str]:
    """The lines of the main table; contenders that lack a metric show a dash."""
    rows: dict[tuple, dict] = {}
    for name, found in sorted(
        scores.items(), key=lambda one: -len(one[1])
    ):  # whoever was measured on most sets the order
        for s in found:
            rows.setdefault((s.section, s.name, s.judge, s.better), {})[name] = s.interval
    arrows = {"higher": " ↑", "lower": " ↓", "": ""}
    lines = ["| | metric | judge | " + " | ".join(scores) + " | n |", "|---|---|---|" + "---|" * (len(scores) + 1)]
    last = ""
    for (section, name, judge, better), cells in rows.items():
        values = " | ".join(text(cells[c]) if c in cells else "–" for c in scores)
        some = next(iter(cells.values()))
        n = f"{some.faces} / {some.identities}" if some.identities > 1 else f"{some.faces}"
        lines.append(f"| {section if section != last else ''} | {name}{arrows[better]} | {judge} | {values} | {n} |")
        last = section
    return lines


def text(interval) -> str:
    """ "0.52 [0.48, 0.56]", "exact" where infinite, "–" where there is no number."""
    if math.isinf(interval.value):
        return "exact"
    if math.isnan(interval.value):
        return "–"
    shown = _number(interval.value)
    return shown if math.isnan(interval.low) else f"{shown} [{_number(interval.low)}, {_number(interval.high)}]"


def _number(value: float) -> str:
    if abs(value) >= 20:
        return f"{value:.1f}"
    return f"{value:.5f}" if value and abs(value) < 0.005 else f"{value:.3f}"


def _detail_table(table: dict) -> list[str]:
    first = next(iter(table.values()), None)
    if not isinstance(first, dict):
        return ["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in table.items())]
    columns = [name for name in first if name != "curve"]
    columns += sorted({name for row in table.values() for name in row} - {*columns, "curve"})
    head = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return head + [
        f"| {unit} | " + " | ".join(_cell(row.get(c)) for c in columns) + " |" for unit, row in table.items()
    ]


def _cell(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"


def plots(folder: Path, result: dict) -> list[Path]:
    """dose-response.png and gap-closed.png; none where matplotlib is not installed."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return []
    written = []
    details = result["details"]
    for judge in sorted({title for tables in details.values() for title in tables if title.startswith("dose")}):
        units = next(tables[judge] for tables in details.values() if judge in tables)
        columns = 6
        figure, axes = pyplot.subplots(-(-len(units) // columns), columns, figsize=(13, 7), sharex=True, sharey=True)
        for axis, unit in zip(axes.flat, units, strict=False):
            for name, tables in details.items():
                axis.plot([0, 0.25, 0.5, 0.75, 1], tables[judge][unit]["curve"], marker=".", label=name)
            axis.plot([0, 1], [0, 1], color="0.8", linewidth=0.8)
            axis.set_title(unit, fontsize=9)
        for axis in axes.flat[len(units) :]:
            axis.set_visible(False)
        axes.flat[0].legend(fontsize=7)
        figure.suptitle(f"{judge}: measured against asked")
        written.append(folder / ("dose-response.png" if "estimator" in judge else "dose-response-landmarks.png"))
        figure.savefig(written[-1], dpi=110)
        pyplot.close(figure)
    gaps = {
        name: [s for s in found if s.section.startswith("gap") and not s.section.endswith(TURNED)]
        for name, found in result["scores"].items()
    }
    labels = [f"{s.section.removeprefix('gap closed, ')}\n{s.name}" for s in next(iter(gaps.values()))]
    if labels:
        figure, axis = pyplot.subplots(figsize=(11, 5))
        for i, (name, found) in enumerate(gaps.items()):
            at = [j + 0.8 * (i - (len(gaps) - 1) / 2) / len(gaps) for j in range(len(found))]
            value = [s.interval.value for s in found]
            error = [
                [
                    max(0.0, v - s.interval.low) if s.interval.low == s.interval.low else 0
                    for v, s in zip(value, found, strict=True)
                ],
                [
                    max(0.0, s.interval.high - v) if s.interval.high == s.interval.high else 0
                    for v, s in zip(value, found, strict=True)
                ],
            ]
            axis.bar(at, value, 0.75 / len(gaps), yerr=error, label=name)
        axis.set_xticks(range(len(labels)), labels, fontsize=7)
        axis.set_ylabel("gap closed (0 copy, 1 the true target)")
        axis.legend()
        figure.tight_layout()
        written.append(folder / "gap-closed.png")
        figure.savefig(written[-1], dpi=110)
        pyplot.close(figure)
    return written
