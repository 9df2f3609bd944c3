"""A configuration's fields as the options of a command: declared once, with their defaults and their help."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, fields
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Verb = TypeVar("Verb", bound=Callable[..., Any])


def field_docs(config: type) -> dict[str, str]:
    """Field → the docstring under it; {} where the source is not at hand."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(config))).body[0]
    except (OSError, TypeError):
        return {}
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, doc in zip(body.body, body.body[1:], strict=False):
        text = doc.value.value if isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant) else None
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, str):
            found[field.target.id] = " ".join(text.split())
    return found


def options_of(
    config: type, *, names: Mapping[str, str] | None = None, without: Collection[str] = ()
) -> Callable[[Verb], Verb]:
    """Decorator of a command: in place of its parameter `config` it takes an option for each field of `config`.

    names    field → option, where it is not --field
    without  fields that are no options; they keep their defaults
    """

    def decorate(verb: Verb) -> Verb:
        shown = [field for field in fields(config) if field.name not in without]
        types_, docs = get_type_hints(config), field_docs(config)
        parameters = []
        for parameter in inspect.signature(verb).parameters.values():
            if parameter.name != "config":
                kind = get_type_hints(verb, include_extras=True)[parameter.name]
                parameters.append(parameter.replace(annotation=kind, kind=parameter.KEYWORD_ONLY))
                continue
            for field in shown:
                assert field.default is not MISSING
                name = (names or {}).get(field.name, "--" + field.name.replace("_", "-"))
                option = typer.Option(name, help=docs.get(field.name))
                kind = Annotated[types_[field.name], option]
                parameters.append(
                    inspect.Parameter(field.name, parameter.KEYWORD_ONLY, default=field.default, annotation=kind)
                )

        @functools.wraps(verb)
        def command(**given: Any) -> Any:
            return verb(config=config(**{field.name: given.pop(field.name) for field in shown}), **given)

        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        assert isinstance(command, types.FunctionType)
        return command

    return decorate
