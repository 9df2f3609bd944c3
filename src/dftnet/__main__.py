"""`python -m dftnet` is the command `dftnet`."""

from dftnet.cli import main

main()
