"""A formula is fitted to a predicate: columns of numbers, the search over them, thresholds, the printed text."""
