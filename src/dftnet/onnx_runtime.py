"""The one place that imports ONNX Runtime, and first forbids it to report.

From version 1.29 on it leaves a device id and a database of events below ~/.cache and uploads the events, unless
ORT_DISABLE_TELEMETRY is 1 before it is imported (`disable_telemetry_events()` comes too late: both files are there by
then). Nothing of a photo of a face shall leave the machine, nor word of its being edited.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dftnet.errors import ModelError, RequestError

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime


def open_graph(
    graph: str | Path | bytes, threads: int | None = None, providers: Sequence[str] | None = None
) -> onnxruntime.InferenceSession:
    """The ONNX graph of a file, or as bytes, ready to run: on the CPU where nothing else is named, with `threads` threads.

    Raises ModelError for a file that is missing or damaged.
    """
    if threads is not None and threads < 1:
        raise RequestError(f"threads is {threads}; give 1 or more, or nothing for one per core")
    if not isinstance(graph, bytes) and not Path(graph).is_file():
        raise ModelError(f"{graph} is missing; the model directory is not complete, export or copy it again")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # threads that wait by spinning take the cores from all that a page or a photo needs besides: twice the time on two of them
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    source = graph if isinstance(graph, bytes) else str(graph)
    try:
        return onnxruntime.InferenceSession(source, options, providers=list(providers or ["CPUExecutionProvider"]))
    except Exception as error:  # ONNX Runtime raises classes of its own, each a plain Exception
        name = "the graph" if isinstance(graph, bytes) else graph
        raise ModelError(f"{name} is not a readable ONNX graph ({error}); copy or export it again") from error
