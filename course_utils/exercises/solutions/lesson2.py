import numpy as np

from course_utils import exercises

# %% masked_mean
def masked_mean(x, mask):
    """Token vectors x (b, t, d) and mask (b, t) to sentence vectors (b, d)."""
    # mask.unsqueeze(-1) is (b, t, 1): one factor for all d numbers of a token
    ### BEGIN SOLUTION
    m = mask.unsqueeze(-1)
    return (x * m).sum(dim=1) / m.sum(dim=1)
    ### STUB
    return ...  # the real tokens' vectors added up, divided by their number
    ### END SOLUTION


exercises.check_masked_mean(masked_mean)

# %% max_of_real_tokens
def max_of_real_tokens(x, mask):
    """The largest value of each dimension over the real tokens, (b, d)."""
    ### BEGIN SOLUTION
    padding = mask.unsqueeze(-1) == 0  # (b, t, 1)
    return x.masked_fill(padding, float("-inf")).max(dim=1).values
    ### END SOLUTION


exercises.check_max_of_real_tokens(max_of_real_tokens)

# %% cosine_table
def cosine_table(a, b):
    """Cosine of every row of a (n, d) with every row of b (m, d): (n, m), no loop."""
    ### BEGIN SOLUTION
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    return a @ b.T
    ### END SOLUTION


exercises.check_cosine_table(cosine_table)

# %% recall_and_mrr
def recall_and_mrr(scores, right, k):
    """scores (q, n): cosine of q new questions with a bank of n; right (q, n): True
    where the bank's question is a right answer. Returns (recall at k, MRR)."""
    ### BEGIN SOLUTION
    order = np.argsort(-scores, axis=1)  # best first
    in_order = np.take_along_axis(right, order, axis=1)
    rank = in_order.argmax(axis=1) + 1  # of the first right one; the best has rank 1
    return (rank <= k).mean(), (1 / rank).mean()
    ### END SOLUTION


exercises.check_recall_and_mrr(recall_and_mrr)

# %% fool_glove
### BEGIN SOLUTION
sentence = "Is there a good place to eat near here?"
same = "Can you recommend a restaurant in this area?"
trap = "Is there a good reason to wait near here?"
### STUB
sentence = ...
same = ...  # means the same as `sentence`, in other words
trap = ...  # shares words with `sentence`, and means something else
### END SOLUTION
exercises.check_fool_glove(sentence, same, trap)
