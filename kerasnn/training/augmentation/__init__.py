"""Random changes of training images, inside the compiled training step."""

from kerasnn.training.augmentation.augmenter import Augmenter, Mix
from kerasnn.training.augmentation.samples import sample_page

__all__ = ["Augmenter", "Mix", "sample_page"]
