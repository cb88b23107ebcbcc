"""The command line: words become objects here, and nowhere else.

Layer: the highest of all; it may import everything, but each command loads its heavy parts when it is called, so that
``rulekd kg list`` opens without torch.
"""

from rulekd.cli.app import main

__all__ = ["main"]
