"""What a person reads of an evaluation, a comparison, an ablation or a registered model."""
