"""Configuration of the step `data`."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.config.base import CountOrAll, Declared, FileOrEmpty, Fraction, Seed, StepConfig

__all__ = ["DataConfig"]


class DataConfig(StepConfig):
    """Read images, check them, and divide them into train, select and test."""

    data: Declared[str] = Field("digits", min_length=1)
    """The images: digits (embedded), a folder or zip of images, or torchvision:NAME:FOLDER."""

    resolution: Declared[int] = 0
    """Side in pixels that every image is cropped and resized to, a power of two from 8 on; 0 leaves them."""

    channels: Literal[0, 1, 3] = 0
    """Colour channels to convert a folder's images to, 1 or 3; 0 leaves them."""

    label: str = ""
    """Column of a folder's table that holds the class; empty takes the first of labels.csv."""

    attributes: FileOrEmpty = ""
    """Table of a folder's images in place of labels.csv: comma-separated, or as list_attr_celeba.txt; with a label."""

    split_list: FileOrEmpty = ""
    """Part of each image, by a splits.csv or CelebA's list_eval_partition.txt; without select, part of train is."""

    tolerated: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Share of a folder's files that may be corrupt, which are left out, and as well that may be copies of others."""

    limit: CountOrAll = 0
    """Use at most this many images, beside a test part that the source declares; 0 uses all."""

    select_fraction: Fraction = 0.2
    """Share of the images for choosing between models."""

    test_fraction: Fraction = 0.2
    """Share of the images for the final judgement, where the source declares no test part."""

    reserve_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the images kept aside as more real data, for augment with source=real; 0 keeps none."""

    split_seed: Seed = 0
    """Seed of the division."""

    @field_validator("resolution")
    @classmethod
    def _is_power_of_two(cls, value: int) -> int:
        if value and (value < 8 or value & (value - 1)):
            raise ValueError("should be 0, or a power of two from 8 on")
        return value

    @field_validator("test_fraction", "reserve_fraction")
    @classmethod
    def _leaves_something_to_train_on(cls, value: float, info: ValidationInfo) -> float:
        taken = {name: info.data[name] for name in ("select_fraction", "test_fraction") if name in info.data}
        if value + sum(taken.values()) >= 1:
            names = " + ".join((*taken, str(info.field_name)))
            raise ValueError(f"should leave something to train on: {names} below 1")
        return value

    @field_validator("channels", mode="before")
    @classmethod
    def _number_of_channels(cls, value: Any) -> Any:
        return int(value) if str(value).isdigit() else value
