"""The command line: options in, one call of the library, words out; nothing is decided here."""
