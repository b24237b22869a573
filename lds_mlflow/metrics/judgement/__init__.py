"""From figures to verdicts: differences, p values, the choice of a sampler, and the gate of the registry."""
