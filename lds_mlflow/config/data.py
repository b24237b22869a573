"""Configuration of the step `data`."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.choices.data_sources import DIGITS, data_source_of, forms
from lds_mlflow.config.base import CountOrAll, Declared, FileOrEmpty, Fraction, Pixels, Seed, StepConfig

__all__ = ["DataConfig"]


class DataConfig(StepConfig):
    """Read images, check them, and divide them into the parts train, select and test."""

    topic: ClassVar[str] = "Data"

    data: Declared[str] = Field(DIGITS, min_length=1, description=f"Source of the examples: {forms()}.")

    resolution: Declared[Pixels] = 0
    """Side in pixels to which images are cropped and resized, a power of two from 8 on; 0 keeps their size."""

    channels: Literal[0, 1, 3] = 0
    """Number of colour channels to which a folder's images are converted, 1 or 3; 0 keeps their channels."""

    label: str = ""
    """Column of a folder's table that holds the class; empty takes the first one that can be a class."""

    attributes: FileOrEmpty = ""
    """Table of classes instead of labels.csv: comma-separated, or CelebA's list of attributes; it needs label."""

    split_list: FileOrEmpty = ""
    """File of each image's part: splits.csv or CelebA's list_eval_partition; missing parts are cut from train."""

    tolerated: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Largest share of a folder's files that can't be read and may be left out, and likewise that may be copies."""

    limit: CountOrAll = 0
    """Largest number of images to use, not counting a test part that the source declares; 0 uses all."""

    select_fraction: Fraction = 0.2
    """Share of the images for the part select, by which settings and models are chosen."""

    test_fraction: Fraction = 0.2
    """Share of the images for the part test, the final judgement; unused where the source declares this part."""

    reserve_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the images kept aside as additional real images for augment with source=real; 0 keeps none."""

    split_seed: Seed = 0
    """Seed of the division into parts."""

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
            raise ValueError(f"should leave images to train on: {names} must be below 1")
        return value

    @field_validator("channels", "label", "attributes")
    @classmethod
    def _is_something_that_the_source_takes(cls, value: int | str, info: ValidationInfo) -> int | str:
        data = info.data.get("data", "")
        if value and not data_source_of(data)[0].takes_reading:
            raise ValueError(
                f"should be left out with data={data}, whose channels and classes are fixed; to draw samples of one "
                "class, give sample_label"
            )
        return value

    @field_validator("channels", mode="before")
    @classmethod
    def _number_of_channels(cls, value: Any) -> Any:
        return int(value) if str(value).isdigit() else value
