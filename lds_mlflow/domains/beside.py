"""Files of examples that a run keeps beside a picture of them."""

from collections.abc import Mapping

from torch import Tensor

from lds_mlflow.domains.domain import Domain

__all__ = ["files_beside"]


def files_beside(domain: Domain, picture: str, groups: Mapping[str, Tensor]) -> dict[str, bytes]:
    """Returns the files of examples that are kept beside a picture, by their paths.

    Args:
        domain: The kind of examples.
        picture: The path of the picture, such as pictures/samples.png; the files lie in the folder pictures/samples.
        groups: The examples that it shows, [N, ...], by the names of subfolders; "" is the folder itself.
    """
    folder = picture.removesuffix(".png")
    return {
        "/".join(filter(None, (folder, group, name))): content
        for group, examples_N in groups.items()
        for name, content in domain.files(examples_N).items()
    }
