"""The pictures of notebooks 1 and 2. Each function is a picture, its docstring the alternative
text; the file is named after the function."""

import numpy as np
from matplotlib.patches import Rectangle
from shapes import (
    BODY,
    COLORS,
    GREY,
    LARGE,
    QUERY,
    SMALL,
    STORED,
    TEXT,
    arrow,
    box,
    card,
    dots,
    plus,
    text,
    vector,
)

FORWARD, BACKWARD = COLORS["premise"], COLORS["hypothesis"]
RIVER = "the bank of the river".split()
SHADES = np.random.default_rng(4).random((9, 4))  # of made-up vectors


def rnn():
    """A recurrent network reads from left to right: each state is made from one word and the state
    before it."""
    ax = card(10, 3.3)
    for i, word in enumerate(RIVER):
        x = 1.2 + 1.9 * i
        box(ax, x, 0.55, 1.3, 0.55, word, color=GREY)
        box(ax, x, 1.75, 1.0, 0.75, f"$h_{i + 1}$", FORWARD, LARGE)
        arrow(ax, (x, 0.83), (x, 1.37), GREY)
        if i:
            arrow(ax, (x - 1.4, 1.75), (x - 0.5, 1.75), FORWARD)
    arrow(ax, (3.1, 2.65), (3.1, 2.15), TEXT)
    text(ax, 3.1, 2.9, "the state at “bank”: what does it know?")
    return ax


def training_step():
    """One step of training: a batch of examples goes through the network; the loss says how wrong
    its answers are; the gradient says for each weight which way makes the loss smaller; every
    weight moves a little. Then the next batch."""
    ax = card(10.5, 3.2)
    steps = (
        ("1  answer", "a batch of\nexamples", GREY),
        ("2  loss", "how wrong is\nthe answer?", QUERY),
        ("3  gradient", "which way\nis better?", BACKWARD),
        ("4  step", "each weight\nmoves a little", COLORS["trained"]),
    )
    for i, (title, words, color) in enumerate(steps):
        x = 1.45 + 2.53 * i
        text(ax, x, 2.75, title, weight="bold")
        box(ax, x, 1.8, 2.15, 1.05, words, color, SMALL)
        if i:
            arrow(ax, (x - 1.45, 1.8), (x - 1.08, 1.8))
    ax.plot([9.04, 9.04, 1.45], [1.25, 0.6, 0.6], color=TEXT, linewidth=2)
    arrow(ax, (1.45, 0.57), (1.45, 1.27))
    text(ax, 5.25, 0.3, "again, with the next batch", SMALL)
    return ax


def bidirectional_rnn():
    """A bidirectional network of one layer: one direction reads the words from the left, one reads
    them from the right; at "bank" their two states are only put side by side."""
    ax = card(10, 4.2)
    bank = 3.9
    for i, word in enumerate(RIVER):
        x = 2.3 + 1.6 * i
        box(ax, x, 0.5, 1.3, 0.55, word, color=GREY)
        arrow(ax, (x - 0.3, 0.78), (x - 0.3, 1.17), GREY)
        arrow(ax, (x + 0.35, 0.78), (x + 0.35, 2.07), GREY)
        box(ax, x - 0.3, 1.45, 0.7, 0.55, "→", FORWARD, LARGE, strength=0.5 if i <= 1 else 0.1)
        box(ax, x + 0.35, 2.35, 0.7, 0.55, "←", BACKWARD, LARGE, strength=0.5 if i >= 1 else 0.1)
        if i:
            arrow(ax, (x - 1.55, 1.45), (x - 0.65, 1.45), FORWARD)
            arrow(ax, (x, 2.35), (x - 0.9, 2.35), BACKWARD)
    text(ax, 0.85, 1.45, "reads\nforward", SMALL)
    text(ax, 0.85, 2.35, "reads\nbackward", SMALL)
    box(ax, bank - 0.35, 3.6, 0.7, 0.55, "→", FORWARD, LARGE, strength=0.5)
    box(ax, bank + 0.35, 3.6, 0.7, 0.55, "←", BACKWARD, LARGE, strength=0.5)
    ax.add_patch(Rectangle((bank - 0.75, 1.08), 1.55, 1.65, fill=False, linestyle="--"))
    arrow(ax, (bank, 2.75), (bank, 3.32))
    text(ax, bank + 1.0, 3.6, "one layer: the two sides meet only here", SMALL + 1, ha="left")
    return ax


def transformer_encoder():
    """A Transformer encoder takes in all words at once, lets every word look at every word, and
    gives all vectors at once."""
    ax = card(10, 4.1)
    xs = 1.2 + 1.9 * np.arange(5)
    box(ax, 5, 2.05, 9.4, 1.5, strength=0.1)
    for x in xs:
        for other in xs:
            ax.plot([x, other], [1.42, 2.68], color=BODY, linewidth=1.6, zorder=1)
    for x, word, shades in zip(xs, RIVER, SHADES, strict=False):
        box(ax, x, 0.5, 1.3, 0.55, word, color=GREY)
        arrow(ax, (x, 0.78), (x, 1.4))
        arrow(ax, (x, 2.7), (x, 3.35))
        vector(ax, x, 3.6, STORED, shades, upright=False)
    box(ax, 5, 2.05, 4.9, 0.55, "every word looks at every word", strength=0.4, size=LARGE - 1)
    return ax


def encoder_block():
    """One block of the encoder: many-headed attention, then a small network for each word alone;
    each time the input is added again and the sum is normalised. Blocks are stacked."""
    ax = card(10.5, 3.4)
    box(ax, 5.5, 1.75, 7.4, 2.1, color=GREY, strength=0.06)
    text(ax, 5.5, 3.08, "one block; the next one works the same way")
    for i, y in enumerate((1.15, 1.75, 2.35)):
        vector(ax, 0.85, y, GREY, SHADES[i], cell=0.22, upright=False)
        vector(ax, 9.85, y, STORED, SHADES[i + 3], cell=0.22, upright=False)
    text(ax, 0.85, 0.4, "words with\ntheir places", SMALL)
    text(ax, 9.85, 0.4, "words in\ncontext", SMALL)
    box(ax, 3.35, 1.75, 1.75, 0.9, "attention,\nmany heads")
    box(ax, 6.9, 1.75, 1.75, 0.9, "network, each\nword alone", size=SMALL + 1)
    for x in (4.9, 8.45):
        plus(ax, x, 1.75)
        text(ax, x, 1.2, "normalise", SMALL)
        arrow(ax, (x - 0.67, 1.75), (x - 0.25, 1.75))
        arrow(ax, (x - 3.0, 1.78), (x - 0.05, 2.0), GREY, bend=-0.5)
    for y, aim in ((1.15, 1.5), (1.75, 1.75), (2.35, 2.0)):
        arrow(ax, (1.35, y), (2.47, aim))
    arrow(ax, (5.15, 1.75), (6.02, 1.75))
    arrow(ax, (8.7, 1.75), (9.35, 1.75))
    return ax


def masked_word():
    """Guessing a hidden word: BERT looks to the left and to the right of the mask at once, so
    that other words on the right alone change the guess: the [MASK] in the sky, sun; the [MASK]
    and read it, letter. Both guesses are the course's own model's."""
    ax = card(10, 4.4)
    for y, rest, guess in ((2.55, "in the sky", "sun"), (0.45, "and read it", "letter")):
        for i, word in enumerate(["the", "[MASK]", *rest.split()]):
            x = 1.3 + 1.85 * i
            color = (GREY, QUERY, FORWARD)[min(i, 2)]
            box(ax, x, y, 1.4, 0.55, word, color, strength=0.45 if i == 1 else 0.2)
            if i != 1:
                start, bend = (x, y + 0.3), 0.2 if i > 1 else -0.35
                arrow(ax, start, (3.15 + (0.3 if i > 1 else -0.3), y + 0.32), color, bend=bend)
        arrow(ax, (3.15, y + 0.3), (3.15, y + 1.1))
        text(ax, 3.15, y + 1.35, guess, LARGE, weight="bold")
    return ax


def bert_two_phases():
    """BERT's two phases. Pre-training: plain text with hidden words, no teacher, done once.
    Fine-tuning: the same weights and a small new head, a few labelled examples, for each task."""
    ax = card(10.5, 3.9)
    for x, title, note in (
        (2.6, "1  Pre-training", "plain text · once"),
        (7.9, "2  Fine-tuning", "few labels · for each task"),
    ):
        text(ax, x, 3.5, title, LARGE, weight="bold")
        text(ax, x, 0.35, note)
    box(ax, 2.6, 1.0, 4.2, 0.6, "she plays the [MASK]", GREY)
    box(ax, 2.6, 2.0, 2.6, 0.75, "BERT", size=LARGE)
    box(ax, 2.6, 2.97, 2.9, 0.55, "the hidden word", QUERY)
    box(ax, 7.9, 1.0, 4.2, 0.6, "can i bring my dog ?", GREY)
    box(ax, 7.9, 2.0, 2.6, 0.75, "BERT", size=LARGE)
    box(ax, 7.9, 2.97, 2.9, 0.55, "head: topic?", COLORS["trained"])
    for x in (2.6, 7.9):
        arrow(ax, (x, 1.3), (x, 1.62))
        arrow(ax, (x, 2.38), (x, 2.69))
    arrow(ax, (3.9, 2.0), (6.6, 2.0), BODY, width=5)
    text(ax, 5.25, 2.3, "same weights", SMALL)
    return ax


def one_body_several_heads():
    """One pre-trained body reads the text; several small heads on it answer different questions:
    which topic, question or statement, words in order or mixed."""
    ax = card(10, 3.8)
    box(ax, 2.0, 0.55, 3.0, 0.6, "any text", GREY)
    box(ax, 2.0, 2.1, 3.0, 1.5, "one body\n(pre-trained)", size=LARGE)
    arrow(ax, (2.0, 0.85), (2.0, 1.35))
    heads = ("which topic?", "question or statement?", "words in order?")
    for y, words in zip((3.2, 2.1, 1.0), heads, strict=True):
        arrow(ax, (3.5, 2.1), (5.4, y))
        box(ax, 7.5, y, 4.2, 0.75, words, COLORS["trained"])
    text(ax, 7.5, 0.3, "small heads, one for each task", SMALL)
    return ax


def pair_by_pair():
    """Comparing pair by pair: the new question goes through BERT together with every stored
    question, one pass for each pair, 100 million passes for one answer."""
    ax = card(10.5, 4.1)
    rows = (3.5, 2.6, 1.7, 0.6)
    for y, number in zip(rows, ("1", "2", "3", "100,000,000"), strict=True):
        box(ax, 1.3, y, 2.0, 0.6, "new question", QUERY, SMALL + 1)
        box(ax, 3.8, y, 2.8, 0.6, f"stored {number}", STORED, SMALL + 1)
        arrow(ax, (5.2, y), (6.0, y))
        box(ax, 6.7, y, 1.35, 0.6, "BERT")
        arrow(ax, (7.4, y), (7.95, y))
        text(ax, 8.4, y, "score", SMALL)
    for x in (1.3, 3.8, 6.7):
        text(ax, x, 1.16, "⋮", LARGE)
    ax.plot([8.95, 9.1, 9.1, 8.95], [3.8, 3.8, 0.3, 0.3], color=TEXT, linewidth=2)
    text(ax, 9.72, 2.05, "100\nmillion\npasses", weight="bold", size=SMALL + 1)
    return ax


def four_steps():
    """Four steps that scale: encode every stored question once, encode the new question once,
    take the cosine with every stored vector, return the nearest."""
    ax = card(10.5, 4.2)
    box(ax, 1.35, 2.95, 2.1, 0.9, "stored\nquestions", STORED)
    box(ax, 1.35, 0.95, 2.1, 0.9, "new\nquestion", QUERY)
    for y in (2.95, 0.95):
        box(ax, 3.75, y, 1.3, 0.9, "BERT")
        arrow(ax, (2.4, y), (3.1, y))
        arrow(ax, (4.4, y), (5.05, y))
    for i in range(6):
        vector(ax, 5.3 + 0.28 * i, 2.95, STORED, SHADES[i])
    vector(ax, 5.3, 0.95, QUERY, SHADES[2])
    box(ax, 7.7, 1.95, 1.5, 0.75, "cosine", GREY)
    arrow(ax, (6.9, 2.75), (7.3, 2.35))
    arrow(ax, (5.5, 0.95), (7.2, 1.55))
    arrow(ax, (8.45, 1.95), (9.05, 1.95))
    vector(ax, 9.3, 1.95, STORED, SHADES[2])
    steps = ((3.75, 3.85, "1  each once"), (3.75, 0.31, "2  once"))
    for x, y, words in (*steps, (7.7, 1.2, "3  compare"), (9.4, 2.75, "4  nearest")):
        text(ax, x, y, words, weight="bold")
    return ax


def mean_pooling():
    """Mean pooling: every word piece has a vector; the mask says 1 for real pieces and 0 for
    padding; the average of the real ones is the vector of the sentence."""
    ax = card(10.5, 4.0)
    pieces = "[CLS] where can i park ? [SEP] [PAD] [PAD]".split()
    for i, piece in enumerate(pieces):
        x = 0.75 + 0.88 * i
        real = piece != "[PAD]"
        text(ax, x, 3.55, piece, SMALL, TEXT if real else GREY)
        vector(ax, x, 2.45, STORED if real else GREY, SHADES[i] if real else (0.3,) * 4, 0.36)
        text(ax, x, 1.3, str(int(real)), LARGE, TEXT if real else GREY, weight="bold")
    ax.plot([0.4, 6.4], [0.9, 0.9], color=STORED, linewidth=3)
    text(ax, 3.4, 0.5, "average of the real ones", color=TEXT)
    text(ax, 7.33, 0.5, "left out", color=GREY)
    text(ax, 8.65, 1.3, "← mask", ha="center")
    arrow(ax, (8.2, 2.45), (9.2, 2.45), width=3)
    vector(ax, 9.6, 2.45, COLORS["trained"], SHADES[:7].mean(axis=0), 0.36)
    text(ax, 9.55, 3.55, "one vector", weight="bold")
    return ax


def sentence_transformer():
    """A sentence transformer as a box: any sentence goes in, word pieces, BERT and mean pooling
    are inside, one vector comes out."""
    ax = card(10.5, 3.0)
    box(ax, 5.35, 1.35, 6.1, 1.7, color=GREY, strength=0.08)
    text(ax, 5.35, 2.55, "sentence transformer", LARGE, weight="bold")
    text(ax, 1.05, 1.35, "any\nsentence", LARGE)
    for x, words in ((3.35, "word\npieces"), (5.35, "BERT"), (7.35, "mean\npooling")):
        box(ax, x, 1.35, 1.5, 1.1, words)
    for start, end in ((1.8, 2.6), (4.1, 4.6), (6.1, 6.6), (8.1, 9.0)):
        arrow(ax, (start, 1.35), (end, 1.35))
    vector(ax, 9.35, 1.35, COLORS["trained"], SHADES[3], 0.3)
    text(ax, 9.45, 0.4, "one vector", SMALL)
    return ax


def embedding_space():
    """The question bank as points in the embedding space: questions on one subject lie together;
    a new question lands among its like, and the nearest stored questions are the answer."""
    ax = card(10, 4.2)
    rng = np.random.default_rng(8)
    for x, y, words in ((1.9, 2.9, "passport"), (8.1, 2.9, "garden"), (4.6, 1.4, "bicycle")):
        turns = 2 * np.pi * (np.arange(8) + rng.random(8) / 2) / 8
        circle = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (1.1, 0.55)
        stored = (x, y) + circle * rng.uniform(0.5, 1, (8, 1))
        dots(ax, stored, STORED)
        text(ax, x, y + 0.9, words, LARGE, STORED)
    new = np.array([5.5, 0.85])
    for point in stored[np.linalg.norm(stored - new, axis=1).argsort()[:3]]:
        ax.plot(*zip(new, point, strict=True), color=QUERY, linewidth=3)
    dots(ax, new, QUERY, 450, marker="*", edgecolors=TEXT)
    text(ax, 7.1, 0.85, "new question\nand its 3 nearest", ha="left")
    arrow(ax, (7.0, 0.85), (5.75, 0.85))
    return ax


PICTURES = [
    rnn,
    training_step,
    bidirectional_rnn,
    transformer_encoder,
    encoder_block,
    masked_word,
    bert_two_phases,
    one_body_several_heads,
    pair_by_pair,
    four_steps,
    mean_pooling,
    sentence_transformer,
    embedding_space,
]
