from pathlib import Path

from lds_mlflow.config import DataConfig
from lds_mlflow.recipes.reading import reading_as_configured


def test_images_are_read_as_configured() -> None:
    config = DataConfig(data="photos", resolution=16, channels=3, label="Male", attributes=__file__, tolerated=0.1)
    reading = reading_as_configured(config)
    assert (reading.resolution, reading.channels, reading.label) == (16, 3, "Male")
    assert (reading.attributes, reading.tolerated) == (Path(__file__), 0.1)


def test_without_a_table_there_is_none_to_read() -> None:
    assert reading_as_configured(DataConfig()).attributes is None
