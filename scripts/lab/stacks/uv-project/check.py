import shutil

import albumentations
import numpy
import polars
import skimage.filters
from reader.main import read

assert read() == {"found": 0}
picture = numpy.zeros((32, 32, 3), dtype="uint8")
assert albumentations.HorizontalFlip(p=1)(image=picture)["image"].shape == picture.shape
assert skimage.filters.gaussian(picture).sum() == 0
assert polars.DataFrame({"a": [1, 2]})["a"].sum() == 3
assert shutil.which("ffmpeg"), "asked for by hand"
