from lds_mlflow.data import PICTURES


def test_images_have_the_endings_that_pillow_reads_and_no_documents() -> None:
    endings = PICTURES.endings()
    assert {".png", ".jpg", ".jpeg", ".webp", ".tif"} <= endings
    assert not endings & {".pdf", ".wmf", ".mpg", ".eps"}
    assert (PICTURES.noun, PICTURES.one, PICTURES.named_by_class) == ("image", "an image", False)
