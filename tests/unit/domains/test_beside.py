import torch

from lds_mlflow.domains import domain_of, files_beside
from tests.vectors import Vectors


def test_files_lie_in_a_folder_of_the_pictures_name_and_in_one_for_each_group() -> None:
    examples_N = torch.eye(2)
    found = files_beside(Vectors(), "pictures/pairs.png", {"": examples_N, "above": examples_N[:1]})
    assert found == {
        "pictures/pairs/vectors.txt": b"1.0,0.0\n0.0,1.0",
        "pictures/pairs/above/vectors.txt": b"1.0,0.0",
    }


def test_images_have_none() -> None:
    assert files_beside(domain_of("images"), "pictures/pairs.png", {"": torch.zeros(2, 1, 8, 8)}) == {}
