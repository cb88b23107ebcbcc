"""``python -m rulekd``: the program where its script is not on the path."""

from rulekd.cli.app import main

main()
