"""Equalized learning rates: how large the steps of each parameter are beside those of the others.

Karras et al., Progressive Growing of GANs, 2018, section 4.1, draw weights from N(0, 1) and multiply them by a constant
c whenever they are used. To an optimizer whose steps don't depend on the scale of the gradient, such as Adam, that is
the same as weights from N(0, c^2) that are used as they are, with c times the learning rate. So the factor is known to
the optimizer alone, and a layer has no pass over its weights for it.
"""

from torch import nn

__all__ = ["learning_rate_factors"]


def learning_rate_factors(module: nn.Module) -> dict[str, float]:
    """Returns a factor on the learning rate for every parameter of a module, by name.

    A layer that has such factors gives them by the names of its own parameters, as an attribute
    `learning_rate_factors`; other parameters have the factor 1.
    """
    found: dict[str, float] = {}
    for prefix, layer in module.named_modules():
        own: dict[str, float] = getattr(layer, "learning_rate_factors", {})
        for name, _ in layer.named_parameters(recurse=False):
            found[f"{prefix}.{name}".lstrip(".")] = own.get(name, 1.0)
    return found
