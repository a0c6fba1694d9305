import numpy as np
import torch

from course_utils import attention as course_attention
from course_utils import exercises


# %% attention
def attention(q, k, v):
    """q, k, v: a row for each word, (t, d); gives the words' new vectors, (t, d)."""
    ### BEGIN SOLUTION
    scores = q @ k.T / q.shape[1] ** 0.5  # how well each query fits each key: (t, t)
    shares = scores.softmax(dim=-1)  # each row sums to 1
    return shares @ v  # the weighted mean of the values: (t, d)
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_attention(attention)


# %% many_heads
def many_heads(q, k, v, h):
    """The same in h heads: (t, d) each; gives (t, d). Each head gets d / h columns."""
    ### BEGIN SOLUTION
    slices = zip(q.chunk(h, dim=1), k.chunk(h, dim=1), v.chunk(h, dim=1), strict=True)
    heads = [course_attention.attention(*part)[0] for part in slices]  # (t, d / h) each
    return torch.cat(heads, dim=1)
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_many_heads(many_heads)


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
