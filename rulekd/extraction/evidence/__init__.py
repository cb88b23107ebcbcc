"""From a candidate to a rule with numbers: level and chance, doubt of the facts, refutation, what scenes are cited."""
