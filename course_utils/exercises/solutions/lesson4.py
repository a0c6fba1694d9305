import math

import numpy as np

from course_utils import exercises, sampling


# %% gigabytes
def gigabytes(n, dimensions, bits=32):
    """Memory of n vectors, in GB (a billion bytes each)."""
    ### BEGIN SOLUTION
    return n * dimensions * bits / 8 / 1e9
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_gigabytes(gigabytes)


# %% cheapest_threshold
def cheapest_threshold(scores, right, price):
    """Of (n,) scores, right or not: the t whose mistakes cost least, or math.inf."""
    ### BEGIN SOLUTION
    def cost(t):
        shown = scores >= t
        return price * (shown & ~right).sum() + (~shown & right).sum()

    return min([*scores, math.inf], key=cost)
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_cheapest_threshold(cheapest_threshold)


# %% chunks
def chunks(words, size, overlap):
    """Strings of `size` words; each begins with the last `overlap` of the one before."""
    ### BEGIN SOLUTION
    pieces = []
    for start in range(0, max(1, len(words) - overlap), size - overlap):
        pieces.append(" ".join(words[start : start + size]))
    return pieces
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_chunks(chunks)


# %% hamming
def hamming(query, bank):
    """(b,) and (n, b) packed bits, uint8: how many bits differ in each row, (n,)."""
    ### BEGIN SOLUTION
    return np.bitwise_count(query ^ bank).sum(axis=1, dtype=int)
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_hamming(hamming)


# %% softmax_with_temperature
def softmax_with_temperature(z, T):
    """z: an array of logits of any size; T: above 0; their probabilities."""
    ### BEGIN SOLUTION
    exponentials = np.exp((z - z.max()) / T)
    return exponentials / exponentials.sum()
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_softmax_with_temperature(softmax_with_temperature)


# %% keep_k
def keep_k(z, k):
    """z: an array of logits; as many probabilities, exactly k above 0."""
    ### BEGIN SOLUTION
    best = np.argsort(-z, kind="stable")[:k]
    cut = np.full(len(z), -np.inf)
    cut[best] = z[best]
    return sampling.softmax(cut)
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_keep_k(keep_k)


# %% nucleus
def nucleus(z, T, p):
    """z: an array of logits; their probabilities at T, cut to the nucleus."""
    ### BEGIN SOLUTION
    full = sampling.softmax(z, T)
    order = np.argsort(-full, kind="stable")  # places of the words, best first
    before = np.cumsum(full[order]) - full[order]  # what the better words hold together
    kept = order[before < p]
    cut = np.zeros(len(z))
    cut[kept] = full[kept]
    return cut / cut.sum()
    ### STUB
    # soft-max at T; from best to worst; keep until p is reached; sum to 1 again
    return ...
    ### END SOLUTION


exercises.check_nucleus(nucleus)


# %% min_p
def min_p(z, share):
    """z: an array of logits; their probabilities, cut to `share` of the best."""
    ### BEGIN SOLUTION
    p = sampling.softmax(z)
    p = np.where(p >= share * p.max(), p, 0)
    return p / p.sum()
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_min_p(min_p)
# %% setting
### BEGIN SOLUTION
setting = {"temperature": 0.7}
### STUB
setting = ...  # for instance {"temperature": 2.0, "top_k": 3}
### END SOLUTION

exercises.check_setting(setting, write_many, judge)
