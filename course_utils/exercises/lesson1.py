"""The checks of notebook 1's exercises: from a mask for attention to sentences of one's own."""

from __future__ import annotations

import re

from course_utils.exercises import feedback
from course_utils.exercises.feedback import ToDo, expect, near

LEAST_GAP = 0.05  # between the cosines of two meanings
LESSON_GAPS = ("We heard the", "The old", "They looked at the", "She opened the", "He asked for a")


@feedback.check
def check_causal_mask(answer):
    """``answer(n)`` must be the ``(n, n)`` lower triangle, the diagonal included."""
    import numpy as np

    for n in (4, 1, 7):
        got, left = feedback.numbers(feedback.call(answer, n)), np.tril(np.ones((n, n)))
        expect(got.shape == (n, n), f"for {n} words the mask is ({n}, {n}); yours is {got.shape}.")
        expect(
            np.isin(got, (0, 1)).all(),
            "only True and False (or 1 and 0); attention makes -inf of it by itself.",
        )
        mistakes = {
            "every word may look at every word now: nothing is hidden.": np.ones((n, n)),
            "your words look to the right; they should look to the left.": left.T,
            "True is where a word may look; you marked where it may not.": 1 - left,
            "a word may look at itself, too; the first has nowhere else to look.": left - np.eye(n),
        }
        for hint, wrong in mistakes.items() if n > 1 else ():
            expect(not near(got, wrong), hint)
        expect(near(got, left), f"{n} words: row i must be True up to column i, then False.")
    return "models that write text from left to right wear this mask; BERT takes it off."


@feedback.check
def check_whole_words(answer):
    """``answer(tokens, chosen)``: positions of all pieces of every word that was hit."""
    cases = [  # tokens, chosen, all to hide
        ("[CLS] the snow ##man melt ##ed [SEP]", {2}, {2, 3}),
        ("[CLS] the snow ##man melt ##ed [SEP]", {1, 5}, {1, 4, 5}),
        ("[CLS] un ##be ##liev ##able ! [SEP]", {3}, {1, 2, 3, 4}),
        ("[CLS] read the book ##shelf again [SEP]", set(), set()),
    ]
    for text, chosen, right in cases:
        tokens, hit = text.split(), sorted(chosen)
        found = _positions(feedback.call(answer, list(tokens), set(chosen)), len(tokens))
        where = f"“{text}” with {hit} chosen"
        expect(found >= chosen, f"{where}: what the dice hit stays hidden; you let go of some.")
        expect(hit != [2] or found != chosen, f"{where}: the other pieces are still in sight.")
        first = min(right - found, default=None)
        expect(
            first is None or "##" in tokens[first],
            f"{where}: look to the left, too: the word begins at {first}, and shows.",
        )
        expect(first is None, f"{where}: look to the right, too: piece {first} still shows.")
        expect(found == right, f"{where}: you hid {min(found - right, default=0)}, another word.")
    return "nobody can guess “##man” from “snow” any more: the game is harder, and better."


def _positions(got, n: int) -> set[int]:
    """What a student gave as positions among ``n`` tokens, as a set; Hint for anything else."""
    import numpy as np

    wanted = f"give a list (or a set) of positions from 0 to {n - 1}, such as [2, 3]."
    expect(hasattr(got, "__iter__") and getattr(got, "ndim", 1) == 1, wanted)
    found = feedback.numbers(list(got), "a list of positions")
    yes_or_no = found.shape == (n,) and np.isin(found, (0, 1)).all()
    expect(not yes_or_no, "positions are wanted, such as [2, 3], not one yes or no a token.")
    expect(found.ndim == 1 and np.isin(found, np.arange(n)).all(), wanted)
    return set(found.astype(int).tolist())


@feedback.check
def check_days_for_all_pairs(answer):
    """``answer(n, pairs_per_second)`` must be n (n - 1) / 2 pairs, in days."""
    import numpy as np

    for n, rate in ((10_000, 214.0), (2, 1.0), (777, 35.5)):
        got = feedback.numbers(feedback.call(answer, n, rate))
        expect(got.size == 1, "one number is wanted: days.")
        right = n * (n - 1) / 2 / rate / 86_400
        ratio = float(got.reshape(-1)[0]) / right
        mistakes = {
            "these are seconds; a day has 86,400.": 86_400,
            "these are hours; a day has 24.": 24,
            "these are minutes; a day has 1,440.": 1_440,
            "every pair counts once: b with a is a with b. Halve it.": 2,
            "n times n counts every pair twice, and each with itself.": 2 * n / (n - 1),
            "a question is not compared with itself: n - 1 partners, not n.": n / (n - 1),
            "you count each question's pair with itself: n - 1, not n + 1.": (n + 1) / (n - 1),
            "divide by the pairs a second; you multiplied.": rate**2,
            "that is one new question against n; here each meets every other.": 2 / (n - 1),
        }
        for hint, factor in mistakes.items() if n > 2 else ():
            expect(not np.isclose(ratio, factor, rtol=1e-9), hint)
        yours = f"{n:,} questions, {rate:g} pairs/s: {right:.6g} days, not {right * ratio:g}."
        expect(np.isclose(ratio, 1), yours)
    return "ten thousand questions take days, and ten times as many take a hundred times as long."


@feedback.check
def check_right_side(left, one, other):
    """Same left side with a ``[MASK]``, two endings: course-bert must guess different words."""
    from course_utils import masked

    for text in (left, one, other):
        expect(isinstance(text, str), "three texts in quotes are wanted.")
    left, one, other = left.strip(), one.strip(), other.strip()
    expect(left.count("[MASK]") == 1, "the gap, [MASK], stands once, and in the left part.")
    expect("[MASK]" not in one + other, "the endings hold no [MASK]: the gap is on the left.")
    known = [start for start in LESSON_GAPS if left.lower().startswith(f"{start} [MASK]".lower())]
    expect(not known, f"“{left}” is the lesson's; find a beginning of your own.")
    expect(bool(one and other), "give both endings some words.")
    expect(one != other, "the two endings are the same: nothing on the right changes.")
    best = [masked.fill_mask(f"{left} {ending}", top_k=1)[0].word for ending in (one, other)]
    for guess in best:
        expect(guess.isalpha(), f"BERT expects “{guess}” there, which is no word; change the text.")
    expect(
        best[0] != best[1],
        f"BERT says “{best[0]}” both times; try endings that ask for another kind of word.",
    )
    return f"“{best[0]}”, then “{best[1]}”, and not a word on the left has changed."


@feedback.check
def check_two_meanings(word, alike, odd):
    """MiniLM's vectors of ``word``: two sentences ``alike`` nearer than a third, ``odd``."""
    expect(isinstance(alike, list | tuple) and len(alike) == 2, "alike: a list of two sentences.")
    if any(text is ... for text in alike):
        raise ToDo
    for text in (word, odd, *alike):
        expect(isinstance(text, str), "the word and the three sentences: texts in quotes.")
    word, texts = word.strip().lower(), [*alike, odd]
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        expect(words.count(word) == 1, f"“{text}”: “{word}” must stand in it once, just so.")
        expect(len(words) >= 5, f"“{text}” is too short to show what “{word}” means: 5 words.")
    one, two, three = (set(re.findall(r"\w+", text.lower())) for text in texts)
    same = len(one & two) / len(one | two)
    expect(same <= 0.5, "your two sentences are nearly one; say something else in the second.")
    expect(three not in (one, two), "odd is the same sentence again; use the other meaning.")
    _other_than_the_lesson(word)
    near_cosine, far_cosine = _cosines(word, texts)
    numbers = f"alike {near_cosine:.2f}, odd {far_cosine:.2f}"
    expect(
        near_cosine > far_cosine,
        f"{numbers}: odd is the nearer one. Is it really the other meaning?",
    )
    expect(
        near_cosine >= far_cosine + LEAST_GAP,
        f"{numbers}: too close. Say more that only fits one of the meanings, or take a word "
        "whose meanings are further apart.",
    )
    return f"{numbers}: one word, two vectors; the context made the difference."


def _other_than_the_lesson(word: str) -> None:
    from course_utils import datasets

    rows = datasets.read_csv(datasets.DATA / "senses.csv", ("word",))
    expect(word not in {row["word"] for row in rows}, f"“{word}” is the lesson's; find another.")


def _cosines(word: str, texts: list[str]) -> tuple[float, float]:
    """Of ``word`` in MiniLM: between the first two texts, and the greater one to the third."""
    import torch

    from course_utils import encoders, similarity

    encoder = encoders.load("minilm")
    wanted = encoder.tokenizer.convert_tokens_to_ids(word)
    expect(
        wanted != encoder.tokenizer.unk_token_id,
        f"MiniLM knows “{word}” only in pieces; take a commoner word.",
    )
    batch = encoder.tokenize(texts)
    with torch.inference_mode():
        states = encoder.model(**batch).last_hidden_state
    cosines = similarity.cosine_similarity(*[states[batch["input_ids"] == wanted].numpy()] * 2)
    return float(cosines[0, 1]), float(max(cosines[0, 2], cosines[1, 2]))
