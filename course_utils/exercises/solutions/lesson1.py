import numpy as np
import torch

from course_utils import exercises


# %% causal_mask
def left_to_right(n):
    """(n, n): True where the word of the row may look at the word of the column."""
    ### BEGIN SOLUTION
    return torch.ones(n, n, dtype=torch.bool).tril()
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_causal_mask(left_to_right)


# %% whole_words
def whole_words(tokens, chosen):
    """tokens: word pieces; chosen: positions the dice hit; all positions to hide."""
    ### BEGIN SOLUTION
    word_of = np.cumsum([not token.startswith("##") for token in tokens])
    hit = {word_of[position] for position in chosen}
    return [position for position, word in enumerate(word_of) if word in hit]
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_whole_words(whole_words)


# %% days_for_all_pairs
def days_for_all_pairs(n, pairs_per_second):
    """Days until each of n questions has been compared with every other one, once."""
    ### BEGIN SOLUTION
    pairs = n * (n - 1) / 2  # neither with itself, nor b with a after a with b
    return pairs / pairs_per_second / 86_400
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_days_for_all_pairs(days_for_all_pairs)
# %% right_side
### BEGIN SOLUTION
left, one, other = "She [MASK] ", "been there before.", "going home now."
### STUB
left, one, other = ..., ..., ...  # "The [MASK] is ", "nice.", "big."
### END SOLUTION

exercises.check_right_side(left, one, other)
# %% two_meanings
### BEGIN SOLUTION
word = "fan"
alike = ["The fan on the ceiling cools the room at night.",
         "Switch on the fan, it is hot in this kitchen."]  # fmt: skip
odd = "She is a fan of the football team from Leeds."
### STUB
word, alike, odd = ..., [..., ...], ...  # a word; two sentences with it; a third one
### END SOLUTION

exercises.check_two_meanings(word, alike, odd)
