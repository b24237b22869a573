"""Step `data`: read the images once, check them, and divide them."""

from lds_mlflow.config import DataConfig
from lds_mlflow.context import Context
from lds_mlflow.data import describe_source, limit_images, load_images, split_images
from lds_mlflow.pictures import image_grid

__all__ = ["outside", "run"]

_SHOWN = 64


def outside(config: DataConfig) -> str:
    """Returns a digest of the files that the step reads; fails where there are none."""
    return describe_source(config.data)


def run(config: DataConfig, context: Context) -> str:
    """Stores the parts as `train`, `select` and `test`."""
    everything = load_images(config.data, resolution=config.resolution, channels=config.channels, label=config.label)
    images = limit_images(everything, config.limit, seed=config.split_seed)
    splits = split_images(
        images,
        select_fraction=config.select_fraction,
        test_fraction=config.test_fraction,
        seed=config.split_seed,
    )
    for name, part in (("train", splits.train), ("select", splits.select), ("test", splits.test)):
        context.run.log_value(part, name)
        context.run.log_dataset(
            f"{part.name} ({name})", source=config.data, digest=part.digest, context=name, n_images=len(part)
        )
        context.run.log_metrics({f"data/{name}_images": len(part)})
    context.run.log_metrics({"data/classes": len(images.class_names_K)})
    context.run.log_picture(image_grid(splits.train.spread(_SHOWN).images_NCHW), "pictures/real.png")
    _, channels, side, _ = images.images_NCHW.shape
    classes = f", {len(images.class_names_K)} classes" if images.class_names_K else ", no classes"
    return (
        f"{images.name}: {len(images):,} images of {side}x{side}x{channels}{classes}; "
        f"train {len(splits.train):,}, select {len(splits.select):,}, test {len(splits.test):,}"
    )
