"""The pictures of notebooks 3 and 4. Each function is a picture, its docstring the alternative
text; the file is named after the function."""

import numpy as np
from matplotlib.patches import Arc, Circle, Rectangle
from shapes import (
    BODY,
    COLORS,
    GREY,
    LARGE,
    PALE,
    SMALL,
    STORED,
    TEXT,
    arrow,
    box,
    card,
    dots,
    plot_in,
    text,
    tint,
    vector,
)

from course_utils import sampling

PREMISE, HYPOTHESIS = COLORS["premise"], COLORS["hypothesis"]
ANCHOR, POSITIVE, NEGATIVE = COLORS["anchor"], COLORS["positive"], COLORS["negative"]
TRAINED = COLORS["trained"]
LABELS = ("entailment", "neutral", "contradiction")
U, V = np.random.default_rng(2).random((2, 4))  # shades of two made-up vectors


def four_questions():
    """Two sentences are encoded as two vectors u and v; each of four objectives asks the vectors
    another question, the loss says how badly they answer, and training changes the encoding."""
    ax = card(10.5, 4.4)
    for y, words, color, values, name in (
        (3.55, "a sentence", PREMISE, U, "u"),
        (2.05, "another one", HYPOTHESIS, V, "v"),
    ):
        box(ax, 1.25, y, 1.9, 0.75, words, color)
        arrow(ax, (2.2, y), (3.6, y), color, width=3)
        text(ax, 2.85, y + 0.25, "encode", SMALL)
        vector(ax, 3.85, y, color, values)
        text(ax, 4.25, y, name, LARGE, style="italic", weight="bold")
    questions = (
        ("labels (NLI)", "Which of three?"),
        ("grades (STS)", "How similar, from 0 to 1?"),
        ("triplets", "Is this closer than that?"),
        ("in-batch negatives", "Which of all is mine?"),
    )
    for y, (objective, question) in zip((4.0, 3.2, 2.4, 1.6), questions, strict=True):
        arrow(ax, (4.45, 2.8), (4.95, y), GREY)
        text(ax, 5.02, y, objective, ha="left", weight="bold", size=SMALL)
        box(ax, 8.85, y, 3.1, 0.62, question, COLORS["query"])
    box(ax, 8.85, 0.6, 3.1, 0.62, "loss: one number", GREY)
    arrow(ax, (8.85, 1.29), (8.85, 0.91))
    ax.plot([7.3, 2.85], [0.6, 0.6], color=TEXT, linewidth=2)
    arrow(ax, (2.85, 0.57), (2.85, 1.95))
    text(ax, 4.95, 0.85, "training changes the encoding", SMALL)
    return ax


def nli_labels():
    """Natural language inference: of one premise, a hypothesis can be entailed (it must be true),
    neutral (it may be true) or a contradiction (it cannot be true)."""
    ax = card(10.5, 3.7)
    box(ax, 1.9, 1.85, 3.2, 1.3, "Two dogs run\nalong the beach.", PREMISE)
    text(ax, 1.9, 2.8, "premise", weight="bold")
    hypotheses = (
        (3.0, "entailment", "Animals are outside.", "must be true"),
        (1.85, "neutral", "The dogs belong to Ann.", "may be true"),
        (0.7, "contradiction", "The beach is empty.", "cannot be true"),
    )
    for y, label, words, verdict in hypotheses:
        arrow(ax, (3.5, 1.85), (4.3, y), COLORS[label])
        box(ax, 5.95, y, 3.3, 0.75, words, COLORS[label])
        text(ax, 7.8, y + 0.17, label, color=TEXT, ha="left", weight="bold")
        text(ax, 7.8, y - 0.19, verdict, ha="left", size=SMALL)
    return ax


def two_towers(ax, left, right, colors):
    """Two sentences through one encoder, called twice; their vectors end at x = 7."""
    box(ax, 4.5, 2.05, 2.3, 3.3, color=BODY, strength=0.15)
    text(ax, 4.5, 2.05, "one encoder\none set\nof weights", weight="bold")
    for y, words, color, call, values, name in (
        (3.2, left, colors[0], "first call", U, "u"),
        (0.9, right, colors[1], "second call", V, "v"),
    ):
        box(ax, 1.6, y, 2.8, 0.75, words, color)
        arrow(ax, (3.0, y), (3.35, y), color, width=3)
        text(ax, 4.5, y, call, SMALL)
        arrow(ax, (5.65, y), (6.55, y), color, width=3)
        vector(ax, 6.8, y, color, values)
        text(ax, 7.2, y, name, LARGE, style="italic", weight="bold")


def siamese_network():
    """A siamese network: two sentences go through one and the same encoder, called twice; there
    is one set of weights, and both calls' gradients add up in it."""
    ax = card(10.5, 4.1)
    two_towers(ax, "premise", "hypothesis", (PREMISE, HYPOTHESIS))
    box(ax, 8.8, 2.05, 1.7, 0.9, "compare", GREY)
    arrow(ax, (7.4, 3.1), (8.4, 2.55))
    arrow(ax, (7.4, 1.0), (8.4, 1.55))
    arrow(ax, (9.65, 2.05), (10.2, 2.05))
    return ax


def nli_features():
    """The head of NLI training: u, v and the absolute difference |u − v| side by side, one matrix
    W, soft-max over three labels, cross-entropy with the right one."""
    ax = card(10.5, 4.1)
    difference = np.abs(U - V)
    for y, values, color, name in (
        (3.13, U, PREMISE, "$u$"),
        (2.05, V, HYPOTHESIS, "$v$"),
        (0.97, difference, GREY, "$|u-v|$"),
    ):
        vector(ax, 1.6, y, color, values, 0.27)
        text(ax, 0.8, y, name, LARGE)
    arrow(ax, (2.0, 2.05), (2.75, 2.05))
    box(ax, 3.5, 2.05, 1.5, 1.0, "matrix W")
    arrow(ax, (4.25, 2.05), (4.75, 2.05))
    box(ax, 5.5, 2.05, 1.5, 1.0, "soft-max")
    probabilities = sampling.softmax([1.9, 0.7, 0.3])  # made-up logits
    for y, p, label in zip((3.1, 2.05, 1.0), probabilities, LABELS, strict=True):
        arrow(ax, (6.25, 2.05), (6.75, y), GREY)
        text(ax, 6.85, y + 0.22, label, ha="left")
        ax.add_patch(Rectangle((6.85, y - 0.3), 2 * p, 0.3, color=COLORS[label]))
        text(ax, 6.95 + 2 * p, y - 0.16, f"{p:.2f}", SMALL, ha="left")
    text(ax, 8.25, 3.32, "✓ the right label", SMALL, ha="left")
    loss = f"loss = − log {probabilities[0]:.2f} = {-np.log(probabilities[0].round(2)):.2f}"
    text(ax, 8.2, 0.32, loss)
    return ax


def cross_entropy():
    """Cross-entropy: the loss is minus the logarithm of the probability given to the right label;
    it is 0 for certainty, log 3 for guessing among three, and grows without end towards 0."""
    ax = card(9, 4.0)
    inner = plot_in(ax, 1.0, 0.85, 7.6, 2.9)
    p = np.linspace(0.02, 1, 300)
    inner.plot(p, -np.log(p), color=STORED, linewidth=4)
    inner.set(xlim=(0, 1.03), ylim=(-0.1, 4))
    inner.set_xlabel("probability of the right label", fontsize=16)
    inner.set_ylabel("loss = − log p", fontsize=16)
    for x, words, place in (
        (0.05, "sure, and wrong", (0.12, 3.2)),
        (1 / 3, "guessing among three", (0.4, 1.6)),
        (0.95, "sure, and right", (0.74, 0.6)),
    ):
        inner.scatter([x], [-np.log(x)], s=140, color=NEGATIVE, zorder=3)
        inner.text(*place, words, fontsize=16)
    return ax


def one_tower():
    """In training the encoder is called for two sentences and a head compares them; at inference
    the head and the second call are gone: one sentence, one encoder, one vector."""
    ax = card(10.5, 4.0)
    text(ax, 2.9, 3.6, "training", LARGE, weight="bold")
    text(ax, 8.2, 3.6, "inference", LARGE, weight="bold")
    ax.plot([5.7, 5.7], [0.3, 3.7], color=PALE, linewidth=2)
    for x, color, name in ((1.6, PREMISE, "u"), (4.2, HYPOTHESIS, "v")):
        box(ax, x, 0.5, 2.0, 0.55, "sentence", color)
        box(ax, x, 1.5, 2.0, 0.75, "BERT +\nmean pooling", size=SMALL)
        box(ax, x, 2.35, 0.6, 0.4, name, color, style="italic")
        arrow(ax, (x, 0.78), (x, 1.12))
        arrow(ax, (x, 1.88), (x, 2.15))
        arrow(ax, (x, 2.55), (2.9 + (x - 2.9) / 3, 2.82))
    text(ax, 2.9, 1.5, "=", LARGE)
    box(ax, 2.9, 3.05, 1.6, 0.5, "head", GREY)
    box(ax, 8.2, 0.5, 2.4, 0.55, "sentence", STORED)
    box(ax, 8.2, 1.5, 2.4, 0.9, "BERT +\nmean pooling")
    vector(ax, 8.2, 2.85, TRAINED, U, 0.32, upright=False)
    arrow(ax, (8.2, 0.78), (8.2, 1.05))
    arrow(ax, (8.2, 1.95), (8.2, 2.65))
    return ax


def sts():
    """Graded similarity: a pair has a grade from 0 to 5; the encoder's cosine of u and v should
    be the grade divided by 5, and the squared difference is the loss."""
    ax = card(10.5, 4.1)
    box(ax, 1.9, 3.1, 3.2, 0.75, "A man plays a guitar.", PREMISE)
    box(ax, 1.9, 2.1, 3.2, 0.75, "Someone makes music.", HYPOTHESIS, SMALL + 1)
    arrow(ax, (3.5, 2.6), (4.3, 2.6))
    box(ax, 1.9, 0.75, 3.2, 0.75, "grade:  4 of 5", COLORS["query"], weight="bold")
    start, angle = np.array([4.7, 2.1]), np.radians(47)
    u, v = start + (2.0, 0.0), start + 2.0 * np.array([np.cos(angle), np.sin(angle)])
    arrow(ax, start, u, PREMISE, width=4)
    arrow(ax, start, v, HYPOTHESIS, width=4)
    text(ax, *(u + (0.15, 0.05)), "$u$", LARGE)
    text(ax, *(v + (0.15, 0.12)), "$v$", LARGE)
    ax.add_patch(Arc(start, 1.5, 1.5, theta2=47, color=TEXT, linewidth=2))
    cosine = np.cos(angle)
    box(ax, 8.8, 2.6, 2.6, 0.75, f"cosine = {cosine:.2f}", GREY)
    box(ax, 8.8, 0.75, 2.6, 0.75, f"target = {4 / 5:.2f}", COLORS["query"])
    arrow(ax, (6.9, 2.6), (7.45, 2.6))
    arrow(ax, (3.5, 0.75), (7.45, 0.75))
    arrow(ax, (8.8, 2.22), (8.8, 1.13), style="<|-|>")
    text(ax, 8.6, 1.62, f"loss = ({cosine:.2f} − {4 / 5:.2f})²", SMALL + 1, ha="right")
    return ax


def triplet_network():
    """A triplet: anchor, positive and negative go through one encoder; the loss compares two
    distances and asks that the negative be farther than the positive by a margin."""
    ax = card(10.5, 4.3)
    rows = (
        (3.4, ANCHOR, "anchor", "Where can I park?"),
        (2.1, POSITIVE, "positive", "Is there a car park?"),
        (0.75, NEGATIVE, "negative", "How old is the park?"),
    )
    box(ax, 5.05, 2.1, 1.5, 3.5, "one\nencoder,\nthree\ncalls")
    shades = np.random.default_rng(1).random((3, 4))
    for (y, color, role, words), values in zip(rows, shades, strict=True):
        box(ax, 2.0, y, 3.2, 0.6, words, color)
        text(ax, 2.0, y + 0.48, role, SMALL, weight="bold")
        arrow(ax, (3.6, y), (4.3, y), color, width=3)
        arrow(ax, (5.8, y), (6.4, y), color, width=3)
        vector(ax, 6.65, y, color, values)
    for top, bottom, words, color in ((3.3, 2.2, "near", POSITIVE), (3.45, 0.75, "far", NEGATIVE)):
        x = 7.0 if words == "near" else 7.9
        ax.plot([x, x + 0.2, x + 0.2, x], [top, top, bottom, bottom], color=color, linewidth=3)
        text(ax, x + 0.3, (top + bottom) / 2, words, ha="left")
    text(ax, 9.55, 2.1, "far ≥ near\n+ margin", weight="bold")
    return ax


def triplet_pull(points, margin, steps=40, rate=0.05):
    """Points (3, 2), anchor first, after gradient steps on max(|a-p| - |a-n| + margin, 0)."""
    a, p, n = np.array(points, dtype=float)
    for _ in range(steps):
        near, far = np.linalg.norm(a - p), np.linalg.norm(a - n)
        if near - far + margin <= 0:
            break
        pull, push = (a - p) / near, (a - n) / far
        a, p, n = a - rate * (pull - push), p + rate * pull, n - rate * push
    return a, p, n


def triplet_space():
    """Triplet training in space. Before, the negative is inside the ring of the positive's
    distance plus the margin; afterwards the positive is nearer and the negative is outside."""
    ax = card(10.5, 4.5)
    margin = 0.6
    before = np.array([(0.0, 0.0), (0.95, -0.35), (0.35, 0.6)])
    for title, x, points in (("before", 2.9, before), ("after", 7.9, triplet_pull(before, margin))):
        a, p, n = np.array(points) - points[0] + (x, 2.05)
        near = np.linalg.norm(a - p)
        ax.add_patch(Circle(a, near + margin, facecolor=tint(PALE, 0.5), edgecolor=GREY, ls="--"))
        ax.add_patch(Circle(a, near, facecolor="white", edgecolor=POSITIVE, linewidth=2))
        arrow(ax, a - (near, 0), a - (near + margin, 0), style="<|-|>", width=1.5)
        for point, color in ((a, ANCHOR), (p, POSITIVE), (n, NEGATIVE)):
            dots(ax, point, color, 320)
        text(ax, x - 2.0, 4.1, title, LARGE, weight="bold")
    names = (("anchor", ANCHOR, 1.3), ("positive", POSITIVE, 0.9), ("negative", NEGATIVE, 0.5))
    for name, color, y in names:
        dots(ax, (4.75, y), color, 200)
        text(ax, 4.95, y, name, ha="left")
    text(ax, 0.8, 2.05, "margin")
    arrow(ax, (4.9, 2.05), (5.9, 2.05), width=4)
    return ax


def clusters():
    """The goal of contrastive training: before, sentences of three subjects lie mixed; after,
    related sentences lie together and unrelated ones apart."""
    ax = card(10.5, 4.0)
    rng = np.random.default_rng(5)
    places = np.stack(np.meshgrid(np.arange(6.0), np.arange(3.0)), axis=-1).reshape(18, 2)
    mixed = rng.permutation((places - (2.5, 1)) * (0.7, 0.95) + rng.uniform(-0.2, 0.2, (18, 2)))
    turns = 2 * np.pi * np.arange(6) / 6
    ring = 0.42 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    centres = ((-1.4, 0.75), (1.4, 0.75), (0.0, -0.75))
    groups = zip("os^", (STORED, COLORS["query"], POSITIVE), centres, strict=True)
    for group, (marker, color, centre) in enumerate(groups):
        dots(ax, mixed[6 * group : 6 * group + 6] + (2.5, 1.75), color, 220, marker=marker)
        dots(ax, ring + centre + (8.0, 1.75), color, 220, marker=marker)
    text(ax, 2.5, 3.6, "before", LARGE, weight="bold")
    text(ax, 8.0, 3.6, "after", LARGE, weight="bold")
    arrow(ax, (4.95, 1.75), (5.75, 1.75), width=4)
    return ax


def encoder_decoder():
    """BERT, an encoder, sees the words on both sides of a gap and fills it. GPT, a decoder, sees
    only the words before, guesses the next one, appends it and asks again."""
    ax = card(10.5, 5.0)
    words = ("She", "drank", "a", "cup", "of", "tea")
    rows = (
        (3.4, "encoder (BERT): masked", 2, "both sides are seen", ANCHOR, {2}),
        (0.85, "decoder (GPT): causal", 4, "only what is before is seen", POSITIVE, {4, 5}),
    )
    for y, name, asked, rule, color, hidden in rows:
        text(ax, 0.35, y + 1.25, name, LARGE, ha="left", weight="bold")
        text(ax, 10.15, y + 1.25, rule, SMALL, ha="right")
        for place, word in enumerate(words):
            x = 1.15 + 1.64 * place
            shown = {True: "?", False: word}[place == asked]
            unseen = place in hidden and place != asked
            box(ax, x, y, 1.35, 0.62, "" if unseen else shown, GREY if place in hidden else color)
            if place not in hidden:
                # an arc from a word that is seen to the gap
                height = 0.26 + 0.09 * abs(place - asked)
                middle, width = (x + 1.15 + 1.64 * asked) / 2, 1.64 * abs(place - asked)
                ax.add_patch(
                    Arc(
                        (middle, y + 0.33),
                        width,
                        2 * height,
                        theta1=0,
                        theta2=180,
                        color=color,
                        linewidth=2,
                    )
                )
    text(ax, 5.25, 2.72, "one word in the middle: good for vectors", SMALL)
    text(ax, 5.25, 0.17, "one word at the end, then the next: good for writing", SMALL)
    return ax


def temperature():
    """Soft-max of the logits 1 and 3 at three temperatures: at one half the larger option takes
    nearly all, at 2 both come closer; the order never changes."""
    ax = card(10.5, 3.9)
    for i, T in enumerate((0.5, 1, 2)):
        inner = plot_in(ax, 0.6 + 3.35 * i, 0.75, 2.7, 2.5)
        probabilities = sampling.softmax([1, 3], temperature=T)
        inner.bar(["1", "3"], probabilities, color=[GREY, STORED], width=0.7)
        for x, p in enumerate(probabilities):
            inner.text(x, p + 0.03, f"{p:.2f}", ha="center", fontsize=LARGE, weight="bold")
        inner.set(ylim=(0, 1.15), yticks=[])
        inner.spines["left"].set_visible(False)
        inner.tick_params(labelsize=16, length=0)
        text(ax, 1.95 + 3.35 * i, 3.5, f"T = {T}", LARGE)
    text(ax, 5.25, 0.22, "logit", SMALL)
    return ax


def log_scale():
    """The probability of a text is a product: with every word it shrinks, and falls below the
    smallest number of float16, float32 and float64; its logarithm just goes on down."""
    ax = card(10.5, 4.2)
    inner = plot_in(ax, 1.2, 0.8, 7.2, 3.2)
    each = 1e-3  # the probability of every word
    words = np.arange(0, 131)
    inner.plot(words, words * np.log10(each), color=STORED, linewidth=4)
    for dtype in (np.float16, np.float32, np.float64):
        smallest = np.log10(float(np.finfo(dtype).smallest_subnormal))
        inner.axhline(smallest, color=NEGATIVE, linewidth=2, linestyle="--")
        inner.text(132, smallest, f"{dtype.__name__}: 0 below", va="center", fontsize=SMALL)
    inner.set(xlim=(0, 130), ylim=(-390, 10))
    inner.set_xlabel("words in the text", fontsize=16)
    inner.set_ylabel("log₁₀ of probability", fontsize=16)
    return ax


def top_k_top_p():
    """Two ways to cut the tail. Top-k keeps the same number of words everywhere; top-p keeps few
    words where the model is sure and many where it is not, until they reach p together."""
    ax = card(10.5, 4.3)
    sure, unsure = np.array([5.0, 3, 2, 1.5, 1, 0.5, 0.2, 0]), np.linspace(2, 0.6, 8)
    cuts = (
        ("top-k,  k = 3", lambda z: sampling.top_k(z, 3)),
        ("top-p,  p = 0.9", lambda z: sampling.top_p(z, 0.9)),
    )
    for column, (name, cut) in enumerate(cuts):
        text(ax, 3.35 + 4.8 * column, 4.0, name, LARGE, weight="bold")
        for row, (mood, logits) in enumerate((("sure", sure), ("unsure", unsure))):
            inner = plot_in(ax, 1.3 + 4.8 * column, 2.15 - 1.85 * row, 4.1, 1.5)
            kept = np.isfinite(cut(logits))
            colors = [COLORS["kept"] if k else COLORS["removed"] for k in kept]
            p = sampling.softmax(logits)
            inner.bar(range(len(p)), p / p.max(), color=colors, width=0.8)
            inner.set(xticks=[], yticks=[], ylim=(0, 1.05))
            inner.spines["left"].set_visible(False)
            inner.text(7.5, 0.8, f"{kept.sum()} kept", ha="right", fontsize=16)
            if not column:
                text(ax, 0.7, 2.75 - 1.85 * row, mood)
    return ax


PICTURES = [
    four_questions,
    nli_labels,
    siamese_network,
    nli_features,
    cross_entropy,
    one_tower,
    sts,
    triplet_network,
    triplet_space,
    clusters,
    encoder_decoder,
    temperature,
    log_scale,
    top_k_top_p,
]
