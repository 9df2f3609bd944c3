"""ComfyUI nodes that edit facial expressions by Action Units; they know dftnet's public face alone."""

from .nodes import comfy_entrypoint

__all__ = ["comfy_entrypoint"]
