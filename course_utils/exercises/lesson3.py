"""The checks of notebook 3's exercises: losses tried on vectors that the student has not seen."""

from __future__ import annotations

from course_utils.exercises import feedback
from course_utils.exercises.feedback import Hint, ToDo, expect, near


def _vectors(*shape: int):
    """Random vectors with a gradient, not of length 1, the same on every run."""
    import torch

    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def _match(got, mistakes: dict, what: str) -> None:
    """Raise the hint of the first of the ``mistakes`` (hint: value) that ``got`` equals."""
    for hint, value in mistakes.items():
        expect(not near(got, value, 1e-4), hint)
    raise Hint(f"{what} not what the formula gives; go through it term by term.")


def _number(got) -> None:
    expect(
        feedback.numbers(got).size == 1, "a loss is one number for the whole batch: take the mean."
    )


@feedback.check
def check_nli_features(answer):
    """``answer(u, v)`` must be ``(u, v, |u - v|)`` side by side."""
    import torch

    u, v = _vectors(2, 4, 5)
    got = feedback.call(answer, u, v)
    difference = (u - v).abs()
    right = torch.cat([u, v, difference], dim=1)
    if not near(got, right):
        shape = feedback.numbers(got).shape
        expect(
            shape != (12, 5),
            "you laid the parts below each other, along the batch; a sentence pair is one row: "
            "dim=1.",
        )
        expect(
            shape == (4, 15),
            f"for u and v of shape (4, 5) the features are (4, 15); yours are {shape}.",
        )
        wrong = {
            "the difference must be absolute: element by element, without its sign.": [u, v, u - v],
            "the difference must be absolute, whichever is larger: .abs().": [u, v, v - u],
            "the order is u, v, |u - v|: the premise comes first.": [v, u, difference],
            "the order is u, v, |u - v|: the difference comes last.": [difference, u, v],
            "the third part is the difference, not the product.": [u, v, u * v],
            "absolute, not squared: |u - v|.": [u, v, (u - v) ** 2],
        }
        wrong = {hint: torch.cat(parts, dim=1) for hint, parts in wrong.items()}
        _match(got, wrong, "these features are")
    return "both sentences and how far they are apart, element by element: 3d numbers a pair."


@feedback.check
def check_learning_rates(answer):
    """``answer(encoder_weights, head_weights)``: AdamW's groups, a slow encoder, a fast head."""
    import torch

    encoder, head = [torch.nn.Parameter(_vectors(2, n)) for n in (3, 4)], [_vectors(3, 6)]
    groups = feedback.call(answer, iter(encoder), iter(head))
    try:
        rates = {id(w): float(group["lr"]) for group in groups for w in list(group["params"])}
    except (TypeError, KeyError, AttributeError):
        raise Hint('give a list of dictionaries, each with "params" and "lr".') from None
    expect(all(id(w) in rates for w in encoder), "the encoder's weights are in no group: frozen.")
    expect(all(id(w) in rates for w in head), "the head's weights are in no group: stays random.")
    slow, fast = max(rates[id(w)] for w in encoder), min(rates[id(w)] for w in head)
    expect(slow != fast, "one rate for both: the encoder follows gradients made of random numbers.")
    expect(slow < fast, "the other way round: the head begins random and must move fast.")
    expect(0 < slow <= 3e-4, f"{slow:g} shakes an encoder that already knows a lot: try 1e-4.")
    expect(fast >= 3 * slow, "hardly a difference: the head needs a rate many times the encoder's.")
    expect(fast <= 0.1, f"{fast:g} is too fast even for a head: try 1e-3.")
    return f"fast head ({fast:g}), slow encoder ({slow:g})."


@feedback.check
def check_sts_loss(answer):
    """``answer(u, v, grades)``: mean squared error of cosine and grade / 5."""
    import torch

    u, v = _vectors(2, 6, 4)
    grades = torch.tensor([0.0, 1.0, 2.5, 4.0, 4.5, 5.0])
    got = feedback.call(answer, u, v, grades)
    _number(got)
    cosines, dots = torch.cosine_similarity(u, v), (u * v).sum(dim=1)
    if not near(got, ((cosines - grades / 5) ** 2).mean()):
        wrong = {
            "the grades go from 0 to 5, a cosine only to 1: divide.": cosines - grades,
            "0 is the target of grade 0, a right angle, not -1.": cosines - (grades / 2.5 - 1),
            "that is the dot product; the cosine divides it by both lengths.": dots - grades / 5,
        }
        wrong = {hint: (error**2).mean() for hint, error in wrong.items()}
        errors = cosines - grades / 5
        wrong["squared error: you took the absolute one."] = errors.abs().mean()
        wrong["the mean over the pairs, not the sum: else the batch size matters."] = (
            errors**2
        ).sum()
        wrong["the error is not squared, so plus and minus cancel."] = errors.mean()
        wrong["you took the root: the squared error itself is wanted."] = (errors**2).mean().sqrt()
        _match(got, wrong, "this loss is")
    return "the cosine itself is trained, towards grade / 5."


@feedback.check
def check_triplet_loss(answer):
    """``answer(anchor, positive, negative, margin)``: the hinge of two Euclidean distances."""
    import torch

    a, p, n = _vectors(3, 40, 4)
    n = 2 * n  # most negatives are far enough
    got = feedback.call(answer, a, p, n, 1.5)
    _number(got)
    pull, push = (a - p).norm(dim=1), (a - n).norm(dim=1)
    gap = pull - push
    if not near(got, (gap + 1.5).clamp(min=0).mean()):
        mean_first = (gap + 1.5).mean().clamp(min=0)
        wrong = {
            "no clamp at 0: an easy triplet would win back what a hard one costs.": gap + 1.5,
            "the signs are exchanged: this pulls the negative and pushes the positive.": (
                (push - pull + 1.5).clamp(min=0)
            ),
            "you squared the distances; the formula has the distances themselves.": (
                (pull**2 - push**2 + 1.5).clamp(min=0)
            ),
            "the margin is missing: the loss would be 0 as soon as n is a hair farther.": (
                gap.clamp(min=0)
            ),
            "the margin has the wrong sign: + m.": (gap - 1.5).clamp(min=0),
            "cosine distance; the formula has Euclidean distances, |a - p|.": (
                torch.cosine_similarity(a, n) - torch.cosine_similarity(a, p) + 1.5
            ).clamp(min=0),
        }
        wrong = {hint: loss.mean() for hint, loss in wrong.items()}
        wrong["max(…, 0) for each triplet first, then the mean; not the other way."] = mean_first
        wrong["the mean over the triplets, not the sum."] = (gap + 1.5).clamp(min=0).sum()
        _match(got, wrong, "this loss is")
    far = feedback.call(answer, a, p, a + 1000, 1.5)
    expect(near(far, 0.0), "with every negative far away the loss must be exactly 0.")
    return "pull, push, and nothing more to do beyond the margin."


@feedback.check
def check_in_batch_loss(answer):
    """``answer(anchor, positive, scale)``: each anchor must find its own positive."""
    import torch

    a, p = _vectors(2, 7, 6)
    got = feedback.call(answer, a, p, 5.0)
    _number(got)
    unit = torch.nn.functional.normalize
    cosines, dots, right = unit(a) @ unit(p).T, a @ p.T, torch.arange(7)

    def entropy(logits, labels=right):
        return torch.nn.functional.cross_entropy(logits, labels)

    if not near(got, entropy(5 * cosines)):
        wrong = {
            "the right answer of row i is column i: the labels are 0, 1, 2, …, b - 1.": entropy(
                5 * cosines, torch.zeros(7, dtype=torch.long)
            ),
            "the scale is missing: cosines alone lie too close together.": entropy(cosines),
            "multiply by the scale; you divided.": entropy(cosines / 5),
            "each anchor chooses among the positives: soft-max along the rows, not the columns.": (
                entropy(5 * cosines.T)
            ),
            "cosines are wanted: give the vectors the length 1 first.": entropy(5 * dots),
            "dot products without the scale: normalize, then multiply by the scale.": entropy(dots),
            "the minus is missing: this would be best for the worst guess.": -entropy(5 * cosines),
            "the mean over the rows, not the sum.": 7 * entropy(5 * cosines),
            "the scale is written in as 20: use the argument.": entropy(20 * cosines),
        }
        _match(got, wrong, "this loss is")
    return "b pairs, b × b comparisons, and the diagonal is right."


@feedback.check
def check_hard_triplet(answer):
    """A triplet that course-bert gets wrong and all-MiniLM-L6-v2, as the judge, gets right."""
    expect(isinstance(answer, dict), "give a dictionary: anchor, positive, negative.")
    roles = ("anchor", "positive", "negative")
    expect(set(answer) == set(roles), "the dictionary needs anchor, positive and negative.")
    texts = [answer[role] for role in roles]
    if any(text is ... for text in texts):
        raise ToDo
    for role, text in zip(roles, texts, strict=True):
        words = len(text.split()) if isinstance(text, str) else 0
        expect(words >= 4, f"the {role} should be a sentence of four words or more.")
    expect(len({text.lower() for text in texts}) == 3, "three different sentences, please.")
    from course_utils import encoders
    from course_utils.similarity import cosine_similarity

    def closeness(name):
        vectors = encoders.load(name).encode(texts)
        return cosine_similarity(vectors[:1], vectors[1:])[0]

    judge, small = closeness("minilm"), closeness("course-bert")
    expect(
        judge[0] >= 0.4,
        f"anchor and positive do not mean the same to the judge, MiniLM (cosine {judge[0]:.2f}).",
    )
    expect(
        judge[0] > judge[1],
        "the judge, MiniLM, prefers the negative as well: it may be a paraphrase after all, or too "
        "near in meaning.",
    )
    expect(
        small[1] > small[0],
        f"too easy: course-bert prefers the positive ({small[0]:.2f} to {small[1]:.2f}). Give the "
        "negative more of the anchor's words, the positive fewer.",
    )
    return (
        f"course-bert falls for it (negative {small[1]:.2f}, positive {small[0]:.2f}); MiniLM does "
        f"not ({judge[1]:.2f}, {judge[0]:.2f})."
    )
