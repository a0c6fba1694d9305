"""The exercises of the four notebooks: ``check_…`` says at once whether an answer is right."""

from course_utils.exercises.feedback import Feedback
from course_utils.exercises.lesson1 import (
    check_attention,
    check_causal_mask,
    check_days_for_all_pairs,
    check_many_heads,
    check_right_side,
    check_two_meanings,
    check_whole_words,
)
from course_utils.exercises.lesson2 import (
    check_cosine_table,
    check_fool_glove,
    check_masked_mean,
    check_max_of_real_tokens,
    check_recall_and_mrr,
)
from course_utils.exercises.lesson3 import (
    check_hard_triplet,
    check_in_batch_loss,
    check_learning_rates,
    check_nli_features,
    check_sts_loss,
    check_triplet_loss,
)
from course_utils.exercises.lesson4_search import (
    check_cheapest_threshold,
    check_chunks,
    check_gigabytes,
    check_hamming,
)
from course_utils.internal.cells import show_solution

# isort: split
# (the order of the imports is the order of the exercises in `progress`)
from course_utils.exercises.lesson4 import (
    check_keep_k,
    check_min_p,
    check_nucleus,
    check_setting,
    check_softmax_with_temperature,
)
from course_utils.exercises.record import progress

__all__ = [
    "Feedback",
    "progress",
    "show_solution",
    "check_attention",
    "check_causal_mask",
    "check_days_for_all_pairs",
    "check_many_heads",
    "check_right_side",
    "check_two_meanings",
    "check_whole_words",
    "check_cosine_table",
    "check_fool_glove",
    "check_masked_mean",
    "check_max_of_real_tokens",
    "check_recall_and_mrr",
    "check_hard_triplet",
    "check_in_batch_loss",
    "check_learning_rates",
    "check_nli_features",
    "check_sts_loss",
    "check_triplet_loss",
    "check_gigabytes",
    "check_chunks",
    "check_hamming",
    "check_keep_k",
    "check_cheapest_threshold",
    "check_nucleus",
    "check_min_p",
    "check_setting",
    "check_softmax_with_temperature",
]
