"""The page with live sliders and the HTTP API: `dftnet app`. Knows the public face of dftnet and nothing below it."""
