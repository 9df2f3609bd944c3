"""`python -m dftnet` is the command `dftnet`."""

from dftnet.cli.app import main

main()
