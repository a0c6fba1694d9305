"""The checks of notebook 3's exercises: losses tried on vectors that the student has not seen."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, normalize

from course_utils.exercises import feedback, models
from course_utils.exercises.feedback import ToDo, expect, expect_gradient, name_mistake, near

TOLERANCE = 1e-4
TERM_BY_TERM = "not what the formula gives; go through it term by term."
# The lesson's own triplet passes the test; it is printed just above the exercise.
OF_THE_LESSON = ("i love to study", "learning things gives me great pleasure", "he loves to sleep")


def _vectors(*shape: int):
    """Random vectors, not of length 1, the same on every run; training would change them."""
    numbers = 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))
    return [part.clone().requires_grad_() for part in numbers]


def _check_loss(got, right, mistakes: dict) -> None:
    """Hint unless ``got`` is the loss ``right`` and could train something."""
    one = feedback.numbers(got).size == 1
    expect(one, "a loss is one number for the whole batch: take the mean.")
    got_number = feedback.numbers(got).reshape(())
    if not near(got_number, right, TOLERANCE):
        name_mistake(got_number, mistakes, f"this loss is {TERM_BY_TERM}", TOLERANCE)
    expect_gradient(got, "the number is right, but no gradient flows back from it")


@feedback.check
def check_nli_features(answer):
    """``answer(u, v)`` must be ``(u, v, |u - v|)`` side by side."""
    u, v = _vectors(2, 4, 5)
    got = feedback.call(answer, u, v)
    right = torch.cat([u, v, (u - v).abs()], dim=1)
    if not near(got, right):
        shape = feedback.numbers(got).shape
        below = "you put the parts below each other, along the batch; one pair is one row: dim=1."
        expect(shape != (12, 5), below)
        want = f"for u and v of shape (4, 5) the features are (4, 15); yours are {shape}."
        expect(shape == (4, 15), want)
        name_mistake(got, _slips_of_features(u, v), f"these features are {TERM_BY_TERM}")
    expect_gradient(got, "the numbers are right, but no gradient flows back from them")
    return "both sentences and how far they are apart, element by element: 3d numbers a pair."


def _slips_of_features(u, v) -> dict:
    """``{hint: the features that this slip gives}``, each (b, 3d)."""
    apart, absolute = (u - v).abs(), "the difference must be absolute"
    parts = {
        f"{absolute}: element by element, without its sign.": [u, v, u - v],
        f"{absolute}, whichever is larger: .abs().": [u, v, v - u],
        "the order is u, v, |u - v|: the premise comes first.": [v, u, apart],
        "the order is u, v, |u - v|: the difference comes last.": [apart, u, v],
        "the third part is the difference, not the product.": [u, v, u * v],
        "absolute, not squared: |u - v|.": [u, v, (u - v) ** 2],
        "only the difference is absolute; u and v keep their signs.": [u.abs(), v.abs(), apart],
        "the third part is the difference, not the sum.": [u, v, (u + v).abs()],
        "|u| − |v| is not |u − v|: first the difference, then .abs().": [u, v, u.abs() - v.abs()],
        "u stands in both places: the second part is v.": [u, u, apart],
    }
    return {hint: torch.cat(three, dim=1) for hint, three in parts.items()}


@feedback.check
def check_learning_rates(answer):
    """``answer(encoder_weights, head_weights)``: AdamW's groups, a slow encoder, a fast head."""
    encoder, head = _vectors(2, 3, 4), _vectors(1, 3, 6)
    joined = {"list_iterator": "the weights come one by one: join them with [*a, *b], not a + b."}
    groups = feedback.call(answer, iter(encoder), iter(head), slips=joined)
    rates = _rates(groups)
    expect(all(id(w) in rates for w in encoder), "the encoder's weights are in no group: frozen.")
    expect(all(id(w) in rates for w in head), "the head's weights are in no group: stays random.")
    slow, fast = max(rates[id(w)] for w in encoder), min(rates[id(w)] for w in head)
    expect(slow != fast, "one rate for both: the encoder follows gradients made of random numbers.")
    expect(slow < fast, "the other way round: the head begins random and must move fast.")
    expect(slow <= 3e-4, f"{slow:g} is too fast for an encoder that knows a lot: try 1e-4.")
    expect(slow >= 1e-6, f"{slow:g} is so slow that the encoder hardly moves: try 1e-4.")
    expect(fast >= 3 * slow, "hardly a difference: the head needs a rate many times the encoder's.")
    expect(fast <= 0.1, f"{fast:g} is too fast even for a head: try 1e-3.")
    return f"fast head ({fast:g}), slow encoder ({slow:g})."


def _rates(groups) -> dict[int, float]:
    """The learning rate of each weight, by its id; Hint for what AdamW would not take."""
    form = 'give a list of dictionaries, each with "params" and "lr".'
    expect(isinstance(groups, list | tuple), form)
    rates = {}
    for group in groups:
        expect(isinstance(group, dict) and {"params", "lr"} <= group.keys(), form)
        rate, weights = group["lr"], group["params"]
        expect(isinstance(rate, int | float), f"“lr” must be a number, not {rate!r}.")
        expect(rate > 0, f"a learning rate must be above 0; yours is {rate:g}.")
        for weight in [weights] if isinstance(weights, torch.Tensor) else list(weights):
            bare = '"params" is the weights themselves: encoder_weights, without brackets around.'
            expect(isinstance(weight, torch.Tensor), bare)
            expect(id(weight) not in rates, "a weight is in two groups; AdamW refuses that.")
            rates[id(weight)] = float(rate)
    return rates


@feedback.check
def check_sts_loss(answer):
    """``answer(u, v, grades)``: mean squared error of cosine and grade / 5."""
    u, v = _vectors(2, 6, 4)
    grades = torch.tensor([0.0, 1.0, 2.5, 4.0, 4.5, 5.0])
    got = feedback.call(answer, u, v, grades)
    cosines, goal = torch.cosine_similarity(u, v), grades / 5
    _check_loss(got, ((cosines - goal) ** 2).mean(), _slips_of_sts(u, v, grades, cosines, goal))
    return "the cosine itself is trained, towards grade / 5."


def _slips_of_sts(u, v, grades, cosines, goal) -> dict:
    """``{hint: the loss that this slip gives}``."""
    dots, every = (u * v).sum(dim=1), normalize(u) @ normalize(v).T
    errors = {
        "the grades go from 0 to 5, a cosine only to 1: divide.": cosines - grades,
        "0 is the target of grade 0, a right angle, not -1.": cosines - (grades / 2.5 - 1),
        "that is the dot product; the cosine divides it by both lengths.": dots - goal,
        "not the distance 1 − cosine: a good pair has a cosine near 1.": 1 - cosines - goal,
        "row i of u belongs to row i of v only: not every u with every v.": every - goal,
        "(b, 1) minus (b,) makes a (b, b) table: drop keepdim.": cosines[:, None] - goal,
        "the cosine goes to grade / 5: you multiplied it by 5.": 5 * cosines - grades,
        "the grades begin at 0, not at 1: divide by 5, nothing else.": cosines - (grades - 1) / 4,
        "only the length of one side is divided out: both belong below.": (
            dots / u.norm(dim=1) - goal
        ),
    }
    wrong = {hint: (error**2).mean() for hint, error in errors.items()}
    error = cosines - goal
    return wrong | {
        "squared error: you took the absolute one.": error.abs().mean(),
        "the mean over the pairs, not the sum: else the batch size matters.": (error**2).sum(),
        "the error is not squared, so plus and minus cancel.": error.mean(),
        "you took the root: the squared error itself is needed.": (error**2).mean().sqrt(),
        "square each error, then take the mean; not the other way.": error.mean() ** 2,
        "the loss is half of the mean squared error: no factor 1/2.": (error**2).mean() / 2,
        "the minus is too much: a loss gets smaller, training does the rest.": -(error**2).mean(),
    }


@feedback.check
def check_triplet_loss(answer):
    """``answer(anchor, positive, negative, margin)``: the hinge of two Euclidean distances."""
    a, p, n = _vectors(3, 40, 4)
    n = (1.2 * n).detach().requires_grad_()  # most negatives are farther than the positives
    slips = {
        "Boolean value of Tensor": "Python's max looks at one number; .clamp(min=0) or torch.relu "
        "takes the larger of each number and 0.",
    }
    got = feedback.call(answer, a, p, n, 1.5, slips=slips)
    two = isinstance(got, tuple) and hasattr(got, "values")  # what torch.max(x, 0) returns
    expect(not two, "torch.max(x, 0) is the maximum along dimension 0: take x.clamp(min=0).")
    gap = (a - p).norm(dim=1) - (a - n).norm(dim=1)
    far = feedback.call(answer, a, p, (a + 1000).detach().requires_grad_(), 1.5, slips=slips)
    mean_first = near(got, (gap + 1.5).mean(), TOLERANCE) and near(far, 0.0)
    expect(not mean_first, "max(…, 0) for each triplet first, then the mean; not the other way.")
    wrong = {hint: x.clamp(min=0).mean() for hint, x in _slips_of_hinges(a, p, n, gap).items()}
    _check_loss(got, (gap + 1.5).clamp(min=0).mean(), wrong | _slips_of_means(gap))
    expect(near(far, 0.0), "with every negative far away the loss must be exactly 0.")
    return "pull, push, and nothing more to do beyond the margin."


def _slips_of_hinges(a, p, n, gap) -> dict:
    """``{hint: what this slip puts inside max(…, 0)}`` for the margin 1.5."""

    def apart(**how):
        return (a - p).norm(**how) - (a - n).norm(**how)

    squared = ((a - p) ** 2).sum(dim=1) - ((a - n) ** 2).sum(dim=1)
    cosine = torch.cosine_similarity(a, n) - torch.cosine_similarity(a, p)
    return {
        "the signs are exchanged: this pulls the negative and pushes the positive.": 1.5 - gap,
        "you squared the distances; the formula has the distances themselves.": squared + 1.5,
        "the margin is missing: the loss would be 0 as soon as n is a hair farther.": gap,
        "the margin has the wrong sign: + m.": gap - 1.5,
        "cosine distance; the formula has Euclidean distances, |a - p|.": cosine + 1.5,
        "a distance for each triplet: norm(dim=1), not along the batch, dim=0.": apart(dim=0) + 1.5,
        "one norm for the whole batch; a distance for each triplet is norm(dim=1).": apart() + 1.5,
        "the margin is written in as 1: use the argument.": gap + 1,
        "sums of absolute differences; Euclidean is the root of the squares: norm(dim=1).": (
            apart(dim=1, p=1) + 1.5
        ),
        "the negative's distance is missing: nothing is pushed away.": (a - p).norm(dim=1) + 1.5,
        "|p - n| is not in the formula: both distances begin at the anchor.": (
            (a - p).norm(dim=1) - (p - n).norm(dim=1) + 1.5
        ),
    }


def _slips_of_means(gap) -> dict:
    """``{hint: the loss that this slip gives}``: right distances, put together in a wrong way."""
    hinge = (gap + 1.5).clamp(min=0)
    return {
        "no clamp at 0: an easy triplet would win back what a hard one costs.": (gap + 1.5).mean(),
        "the mean over the triplets, not the sum.": hinge.sum(),
        "the mean over all triplets, also those that are 0 already.": hinge[hinge > 0].mean(),
        "clamp(max=0) keeps what is below 0: min=0.": (gap + 1.5).clamp(max=0).mean(),
        "the margin is added after the clamp: it belongs inside.": gap.clamp(min=0).mean() + 1.5,
    }


@feedback.check
def check_in_batch_loss(answer):
    """``answer(anchor, positive, scale)``: each anchor must find its own positive."""
    a, p = _vectors(2, 7, 6)
    got = feedback.call(answer, a, p, 5.0)
    logits, labels = 5 * normalize(a) @ normalize(p).T, torch.arange(7)
    wrong = {hint: cross_entropy(x, labels) for hint, x in _slips_of_logits(a, p).items()}
    _check_loss(got, cross_entropy(logits, labels), wrong | _slips_of_entropies(logits))
    return "b pairs, b × b comparisons, and the diagonal is right."


def _slips_of_logits(a, p) -> dict:
    """``{hint: the logits (b, b) that this slip gives}`` for the scale 5."""
    cosines, dots = normalize(a) @ normalize(p).T, a @ p.T
    return {
        "the scale is missing: cosines alone lie too close together.": cosines,
        "multiply by the scale; you divided.": cosines / 5,
        "each anchor chooses among the positives: soft-max along the rows, not the columns.": (
            5 * cosines.T
        ),
        "cosines are needed: give the vectors the length 1 first.": 5 * dots,
        "dot products without the scale: normalize, then multiply by the scale.": dots,
        "the scale is written in as 20: use the argument.": 20 * cosines,
        "cross_entropy does the soft-max itself: give it the logits.": (5 * cosines).softmax(1),
        "a vector is a row: normalize(…, dim=1), not dim=0.": (
            5 * normalize(a, dim=0) @ normalize(p, dim=0).T
        ),
        "only the anchors have the length 1: the positives, too.": 5 * normalize(a) @ p.T,
        "only the positives have the length 1: the anchors, too.": 5 * a @ normalize(p).T,
        "anchors with anchors: the candidates are the positives.": 5
        * normalize(a)
        @ normalize(a).T,
    }


def _slips_of_entropies(logits) -> dict:
    """``{hint: the loss that this slip gives}``: right logits (b, b), used in a wrong way."""
    labels = torch.arange(len(logits))
    loss = cross_entropy(logits, labels)
    return {
        "the right answer of row i is column i: the labels are 0, 1, 2, …, b - 1.": cross_entropy(
            logits, torch.zeros_like(labels)
        ),
        "the minus is missing: this would be best for the worst guess.": -loss,
        "the mean over the rows, not the sum.": 7 * loss,
        "both directions: here only the anchor chooses among the positives.": (
            (loss + cross_entropy(logits.T, labels)) / 2
        ),
        "the mean of the right cosines alone: the wrong ones must count, too.": (
            -logits.diagonal().mean()
        ),
    }


@feedback.check
def check_hard_triplet(answer):
    """A triplet that course-bert gets wrong and all-MiniLM-L6-v2, as the judge, gets right."""
    texts = _triplet(answer)
    judge, small = (models.cosines_with_first(name, texts) for name in ("minilm", "course-bert"))
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


def _triplet(answer) -> dict[str, str]:
    """The student's three sentences by their roles; Hint or ToDo where they are not complete."""
    expect(isinstance(answer, dict), "give a dictionary: anchor, positive, negative.")
    roles = ("anchor", "positive", "negative")
    expect(set(answer) == set(roles), "the dictionary needs anchor, positive and negative.")
    texts = {role: answer[role] for role in roles}
    if any(text is ... for text in texts.values()):
        raise ToDo
    for role, text in texts.items():
        words = len(text.split()) if isinstance(text, str) else 0
        expect(words >= 4, f"the {role} should be a sentence of four words or more.")
    plain = [text.lower().strip(" .!?") for text in texts.values()]
    expect(len(set(plain)) == 3, "write three different sentences.")
    own = len(set(plain) & set(OF_THE_LESSON)) < 2
    expect(own, "those are the lesson's sentences: write a triplet of your own.")
    return texts
