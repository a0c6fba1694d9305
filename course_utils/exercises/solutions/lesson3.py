import torch

from course_utils import exercises


# %% nli_features
def my_features(u, v):
    """u, v: (b, d) tensors; the head's input: (b, 3d)."""
    ### BEGIN SOLUTION
    return torch.cat([u, v, (u - v).abs()], dim=1)
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_nli_features(my_features)


# %% learning_rates
def my_groups(encoder_weights, head_weights):
    """A list of {"params": [weights, …], "lr": rate}, one for each part."""
    ### BEGIN SOLUTION
    return [
        {"params": list(encoder_weights), "lr": 1e-4},  # slow: it already knows a lot
        {"params": list(head_weights), "lr": 1e-3},  # fast: it begins as random numbers
    ]
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_learning_rates(my_groups)


# %% sts_loss
def my_sts_loss(u, v, grades):
    """u, v: (b, d); grades: (b,), 0 to 5; the mean squared error of the cosine."""
    ### BEGIN SOLUTION
    cosines = torch.nn.functional.cosine_similarity(u, v)
    return ((cosines - grades / 5) ** 2).mean()
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_sts_loss(my_sts_loss)


# %% triplet_loss
def my_triplet_loss(anchor, positive, negative, margin):
    """Three (b, d) tensors; the mean of max(|a - p| - |a - n| + margin, 0)."""
    ### BEGIN SOLUTION
    pull = (anchor - positive).norm(dim=1)
    push = (anchor - negative).norm(dim=1)
    return torch.relu(pull - push + margin).mean()
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_triplet_loss(my_triplet_loss)


# %% in_batch_loss
def my_in_batch_loss(anchor, positive, scale=20):
    """Two (b, d) tensors; row i of positive belongs to row i of anchor."""
    ### BEGIN SOLUTION
    normalize = torch.nn.functional.normalize
    logits = scale * normalize(anchor) @ normalize(positive).T
    right = torch.arange(len(anchor))  # the right one of row i is column i
    return torch.nn.functional.cross_entropy(logits, right)
    ### STUB
    return ...
    ### END SOLUTION


exercises.check_in_batch_loss(my_in_batch_loss)
# %% hard_triplet
### BEGIN SOLUTION
my_triplet = {
    "anchor": "How do I stop my dog from barking at night?",
    "positive": "My puppy makes a terrible noise after dark. What helps?",
    "negative": "How do I stop my car from freezing at night?",
}
### STUB
my_triplet = {
    "anchor": ...,
    "positive": ...,
    "negative": ...,
}
### END SOLUTION

exercises.check_hard_triplet(my_triplet)
