"""Groundings of many rules are counted at once: all candidates of one shape, and bodies against heads of one rule."""
