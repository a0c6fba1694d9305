"""The live widgets of the notebooks, one file a widget; ``parts`` is what several of them share."""

from course_utils.widgets.attention import attention_explorer
from course_utils.widgets.mask import mask_explorer
from course_utils.widgets.pooling import pooling_explorer
from course_utils.widgets.sampler import sampling_explorer
from course_utils.widgets.sampling import example_logits
from course_utils.widgets.search import search_box
from course_utils.widgets.triplet import triplet_geometry

__all__ = [
    "attention_explorer",
    "example_logits",
    "mask_explorer",
    "pooling_explorer",
    "sampling_explorer",
    "search_box",
    "triplet_geometry",
]
