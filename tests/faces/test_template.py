"""The template's numbers are written into every dataset and model directory: they do not move by a bit."""

import ast
from pathlib import Path

import numpy as np

import dftnet
from dftnet.faces import template
from dftnet.faces.align import template_points

PACKAGE = Path(dftnet.__file__).parent


def test_the_places():
    assert template.TEMPLATE == {
        "template": "eyes-mouth",
        "eyes": [[0.30, 0.375], [0.70, 0.375]],
        "mouth": [0.50, 0.765],
    }
    assert np.array_equal(template_points(1), np.array([[0.30, 0.375], [0.70, 0.375], [0.50, 0.765]]) - 0.5)
    assert (template.EYES_APART, template.EYES_TO_MOUTH) == (0.4, 0.39)
    assert template.PARTS["mouth"] == (0.50, 0.765, 0.13, 0.08)
    assert template.PARTS["right eye"] == (0.30, 0.375, 0.10, 0.06)
    assert template.PARTS["left eye"] == (0.70, 0.375, 0.10, 0.06)
    assert template.MOVING == ((0.3, 0.37, 0.15, 0.10), (0.7, 0.37, 0.15, 0.10), (0.5, 0.79, 0.25, 0.16))
    assert (template.FACE, template.OVAL) == ((0.5, 0.57, 0.46, 0.50), (0.5, 0.61, 0.49, 0.60))


def test_nobody_else_writes_them_down():
    numbers = {template.EYE_LINE, template.MOUTH_LINE, 0.57, 0.79}
    for path in PACKAGE.rglob("*.py"):
        if path.name == "template.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                assert node.value not in numbers, f"{path}:{node.lineno}"
