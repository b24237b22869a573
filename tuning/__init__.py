"""Optuna studies over what `augment`, `finetune` and the samplers take. The only room that knows Optuna."""
