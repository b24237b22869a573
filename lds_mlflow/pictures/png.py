"""Pictures as PNG files."""

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["Picture", "png_of"]

Picture = Figure | Image.Image


def png_of(picture: Picture) -> bytes:
    """Returns a picture as the content of a PNG file."""
    buffer = BytesIO()
    if isinstance(picture, Figure):
        # Figure.savefig draws every figure twice, once for its layout alone, which drawing it computes anyway.
        FigureCanvasAgg(picture).print_png(buffer)
    else:
        picture.save(buffer, format="PNG")
    return buffer.getvalue()
