"""Requests made from OpenAPI's description, right ones and wrong ones: every answer is one that is described."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import skimage.data

pytest.importorskip("fastapi", reason='the page needs `pip install "dftnet[app]"`')
pytest.importorskip("schemathesis", reason="pip install schemathesis")
pytest.importorskip("hypothesis", reason="pip install hypothesis")

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dftnet import Editor
from dftnet.app.api import create_app
from dftnet.app.settings import Settings
from tests.app.conftest import encoded
from tests.app.test_api import uri

PHOTO = encoded(np.ascontiguousarray(skimage.data.astronaut()[40:200, 150:290]))
EXAMPLES = int(os.environ.get("DFTNET_FUZZ_API", "12"))
"""Requests for each operation."""
WORDS = ("404", "415", "422")
"""What a request gets that has the right form and asks for what is not there: an unknown unit, no face, no picture."""

schemathesis.openapi.media_type("image/*", st.sampled_from([PHOTO, PHOTO, PHOTO, b"no picture"]))
schemathesis.openapi.format("photo", st.just(uri(PHOTO)))


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize(
    "path", ["/v1/edit", "/v1/aus", "/v1/maps", "/v1/read", "/v1/patch", "/v1/model", "/health", "/ready"]
)
def test_every_answer_is_described(editor: Editor, path: str, mode: str) -> None:
    host = {"host": "localhost"}
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(Settings(), editor), headers=host)
    schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", *WORDS]
    operation = schema[path]["GET" if path in ("/v1/model", "/health", "/ready") else "POST"]
    if mode == "negative" and operation.method.upper() == "GET":
        pytest.skip("nothing can be asked wrongly")

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )
    @given(operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def play(case: Any) -> None:
        case.call_and_validate(headers=host)

    play()
