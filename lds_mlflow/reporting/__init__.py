"""Reports for people: on an evaluation, a comparison, an ablation or a registered model."""
