"""The arms of the comparison: each continues from the same baseline in its own way, for the same number of steps.

An arm is one entry of the table ARMS, and one row of every table that `ablate` writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lds_mlflow.choices.selections import RANDOM, TOP

__all__ = ["ARMS", "BASELINE", "CONTROL", "LDS", "LDS_AND_SHARPNESS", "SAMPLE_DENSITY", "Arm"]

Changes = Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of the comparison: how its model is made, and how samples are drawn from it.

    Attributes:
        name: Name of the arm on the command line.
        title: Title of the arm in tables and charts.
        augment: Parameters of `augment` that differ from those of the command; None finetunes without A.
        finetune: Parameters of `finetune` that differ from those of the command; None doesn't finetune.
        sampler: Name of the sampler.
        filters: Whether the arm is a row of the table of filters (draft, table 1).
        needs: What the arm needs from the data: "classes", "reserve", or nothing.
    """

    name: str
    title: str
    augment: Changes | None = None
    finetune: Changes | None = field(default_factory=dict)
    sampler: str = "prior"
    filters: bool = False
    needs: str = ""

    @property
    def needs_finetuning(self) -> bool:
        """Whether it is about what finetuning does: the others differ from the control in their sampler at most."""
        return self.augment is not None or bool(self.finetune)


BASELINE, CONTROL, LDS, LDS_AND_SHARPNESS = "baseline", "control", "lds", "lds-sharpness"
SAMPLE_DENSITY = "sample-density"
"""Arms that the draft's claims are about, and the control, which the draft lacks."""

_TOP: Changes = {"selection": TOP}
"""The draft's top fraction without its threshold, which few latents reach: A would be smaller than in other arms."""

ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm(BASELINE, "no finetuning", finetune=None),
        Arm(CONTROL, "finetuned without A (control)"),
        Arm("random", "A: random interpolants", {"selection": RANDOM}, filters=True),
        Arm("neighbours", "A: interpolants of neighbours", {"selection": RANDOM, "parent_neighbours": 5}),
        Arm(LDS, "A: LDS, the draft's top fraction", _TOP, filters=True),
        Arm("lds-leo", "A: LDS, endpoints left out", {**_TOP, "leave_endpoints_out": True}, filters=True),
        Arm(LDS_AND_SHARPNESS, "A: LDS + sharpness", {**_TOP, "sharpest_fraction": 0.5}, filters=True),
        Arm("inverse", "A: inverse density", {"selection": "power", "gamma": -1.0}, filters=True),
        Arm("gamma", "A: density^0.5", {"selection": "power", "gamma": 0.5}, filters=True),
        Arm(
            "stratified",
            "A: LDS by class, endpoints left out",
            {**_TOP, "leave_endpoints_out": True, "stratify": "class"},
            filters=True,
            needs="classes",
        ),
        Arm("prior", "A: samples of the prior", {"source": "prior"}),
        Arm("reconstructions", "A: reconstructions", {"source": "reconstructions"}),
        Arm("noise", "A: latents with noise", {"source": "noise"}),
        Arm("transforms", "A: affine transforms of pixels", {"source": "transforms"}),
        Arm("mixup", "A: MixUp", {"source": "mixup"}),
        Arm("cutmix", "A: CutMix", {"source": "cutmix"}),
        Arm("oracle", "A: more real images (oracle)", {"source": "real"}, needs="reserve"),
        Arm("decoder", "A: LDS; only the decoder is finetuned", _TOP, {"finetune_variant": "decoder"}),
        Arm("consistency", "A: LDS; the encoder learns its latents", _TOP, {"finetune_variant": "consistency"}),
        Arm("exemplar", "without A; exemplar prior", None, {"finetune_prior": "exemplar"}),
        Arm("vamp", "without A; VampPrior", None, {"finetune_prior": "vamp"}),
        Arm("sample-gaussian", "control, sampled from a Gaussian", sampler="gaussian"),
        Arm("sample-mixture", "control, sampled from a mixture", sampler="mixture"),
        Arm(SAMPLE_DENSITY, "control, sampled from the latent density", sampler="density"),
        Arm("sample-interpolants", "control, sampled from dense interpolants", sampler="interpolants"),
        Arm("sample-flow", "control, sampled from a flow-matching prior", sampler="flow"),
        Arm("sample-ncp", "control, sampled from a noise contrastive prior", sampler="ncp"),
        Arm("sample-polarity", "control, sampled by polarity", sampler="polarity"),
        Arm("lds-density", "A: LDS; sampled from the latent density", _TOP, sampler="density"),
    )
}
"""All arms by name."""
