"""Typical wrong answers to the exercises of notebook 1, and words of the hint each must get."""

COOLING = (
    'alike = ["The fan on the ceiling cools the room at night.",\n'
    '         "Switch on the fan, it is hot in this kitchen."]\n'
)
LEEDS = 'odd = "She is a fan of the football team from Leeds."'

SLICES = (
    "slices = zip(q.chunk(h, dim=1), k.chunk(h, dim=1), v.chunk(h, dim=1))\n"
    "heads = [course_attention.attention(*part)[0] for part in slices]\n"
)

WRONG = {
    "attention": [
        ("return (q @ k.T).softmax(-1) @ v", "you did not divide"),
        ("return (q @ k.T / q.shape[1]).softmax(-1) @ v", "divided by d itself"),
        ("return (q @ k.T * q.shape[1] ** 0.5).softmax(-1) @ v", "you multiplied"),
        ("return (q @ k.T / len(q) ** 0.5).softmax(-1) @ v", "the number of words"),
        ("return (q @ k.T).softmax(-1) / q.shape[1] ** 0.5 @ v", "not after it"),
        ("return (q @ k.T / q.shape[1] ** 0.5).softmax(0) @ v", "along each row"),
        ("return q @ k.T / q.shape[1] ** 0.5 @ v", "soft-max is missing"),
        ("return (q @ k.T / q.shape[1] ** 0.5).softmax(-1)", "these are the weights"),
        ("return q @ k.T / q.shape[1] ** 0.5", "these are the scores"),
        ("return (k @ q.T / q.shape[1] ** 0.5).softmax(-1) @ v", "not k @ q.T"),
        ("return (q @ k.T / q.shape[1] ** 0.5).softmax(-1).T @ v", "the wrong way round"),
        ("return (q @ k.T / q.shape[1] ** 0.5).softmax(-1) @ k", "averaged the keys"),
        ("return course_attention.attention(q, k, v)", "not a pair"),
        ("return v.mean(0)", "a row for each"),
        ("return v + 1", "the worked example"),
        ("return q @ k", "your code stops"),
    ],
    "many_heads": [
        ("return course_attention.attention(q, k, v)[0]", "one head over all columns"),
        (f"{SLICES}return sum(heads)", "added the heads up"),
        (f"{SLICES}return sum(heads) / h", "averaged the heads"),
        (f"{SLICES}return torch.stack(heads)", "stacked the heads"),
        (f"{SLICES}return torch.cat(heads)", "below each other"),
        (f"{SLICES}return heads[0]", "only one head"),
        (f"{SLICES}return heads[-1]", "only the last head"),
        (f"{SLICES}return torch.cat(heads[::-1], dim=1)", "in the wrong order"),
        (f"{SLICES.replace('dim=1', 'dim=0')}return torch.cat(heads)", "the words into groups"),
        (f"q = q / h**0.5\n{SLICES}return torch.cat(heads, dim=1)", "the root of d/h"),
        (f"{SLICES}return torch.cat(heads, dim=1)[:, 1:]", "go in and come out"),
        (
            "heads = [course_attention.attention(q[:, i::h], k[:, i::h], v[:, i::h])[0]\n"
            "         for i in range(h)]\nreturn torch.cat(heads, dim=1)",
            "every h-th column",
        ),
        ("return v", "let each attend"),
        ("return 2 * v", "the same d/h columns"),
        ("return torch.cat(q.chunk(h), dim=2)", "your code stops"),
    ],
    "causal_mask": [
        ("return torch.zeros(n, n)", "every word is hidden"),
        ("return torch.ones(n, n).tril(1)", "right neighbour"),
        ("print(torch.ones(n, n).tril())", "returned nothing"),
        ("return [[True] * (i + 1) for i in range(n)]", "unequal parts"),
        ("return torch.ones(n, n).triu()", "look to the right"),
        ("return torch.ones(n, n, dtype=torch.bool).tril(-1)", "at itself, too"),
        ("return torch.ones(n, n, dtype=torch.bool).triu(1)", "where it may not"),
        ("return torch.ones(n, n)", "nothing is hidden"),
        ('return torch.full((n, n), float("-inf")).triu(1)', "only True and False"),
        ("return [True] * n", "the mask is (4, 4)"),
        ("return torch.eye(n)", "sees only itself"),
        ("return np.tril(np.ones((4, 4)))", "for 1 words"),
        ("return torch.tril(n)", "your code stops"),
    ],
    "whole_words": [
        ("return []", "hide nothing"),
        ("return [tokens[i] for i in chosen]", "the pieces themselves"),
        ("return chosen[0]", "is a set"),
        ("chosen.add(3)\nreturn chosen", "you changed chosen itself"),
        ("print(chosen)", "returned nothing"),
        ("return chosen", "still in sight"),
        (
            "out = set(chosen)\n"
            "for i, token in enumerate(tokens):\n"
            '    if token.startswith("##") and i - 1 in out:\n'
            "        out.add(i)\n"
            "return out",
            "look to the left, too",
        ),
        (
            "out = set(chosen)\n"
            "for i in range(len(tokens) - 1, 0, -1):\n"
            '    if tokens[i].startswith("##") and i in out:\n'
            "        out.add(i - 1)\n"
            "return out or [99]",
            "still in sight",
        ),
        ("return {i + d for i in chosen for d in (0, 1, 2)}", "another word"),
        ('return [i for i, t in enumerate(tokens) if t.startswith("##")]', "you left some out"),
        ("return [i in chosen for i in range(len(tokens))]", "not one yes or no"),
        ("return len(chosen)", "a list (or a set)"),
    ],
    "days_for_all_pairs": [
        ("return n * (n - 1) / 2", "the number of pairs"),
        ("return n * (n - 1) / 2 / 86_400", "no effect"),
        ("print(n * (n - 1) / 2 / pairs_per_second / 86_400)", "returned nothing"),
        ("return n * (n - 1) / 2 // pairs_per_second // 86_400", "do not round"),
        ("return n * n / pairs_per_second / 86_400", "counts every pair twice"),
        ("return n**2 / 2 / pairs_per_second / 86_400", "n - 1 partners"),
        ("return n * (n - 1) / pairs_per_second / 86_400", "Halve it"),
        ("return n * (n + 1) / 2 / pairs_per_second / 86_400", "not n + 1"),
        ("return n * (n - 1) / 2 / pairs_per_second", "these are seconds"),
        ("return n * (n - 1) / 2 / pairs_per_second / 3600", "these are hours"),
        ("return n / pairs_per_second / 86_400", "against n"),
        ("return n * (n - 1) / 2 * pairs_per_second / 86_400", "you multiplied"),
        ("return 2.7", "days, not 2.7"),
    ],
    "right_side": [
        ('left, one, other = "The [MASK] is ", "nice.", "big."', "the example"),
        ('left, one, other = "She [MASK]", ".", "?"', "some words"),
        ('left, one, other = "[MASK] met [MASK]", "here.", "there."', "must be there once"),
        ('left, one, other = "The old [MASK]", "sat down.", "fell over."', "the lesson's"),
        (
            'left, one, other = "They heard a noise", "in the house.", "outside."',
            "must be there once",
        ),
        ('left, one, other = "The", "[MASK] barked.", "[MASK] sang."', "in the left part"),
        (
            'left, one, other = "She is [MASK]", "of the [MASK].", "to me."',
            "the endings hold no [MASK]",
        ),
        ('left, one, other = "She [MASK]", "going home.", "going home."', "are the same"),
        ('left, one, other = "She [MASK]", "going home.", ""', "both endings"),
        (
            'left, one, other = "The old [MASK] ", "sailed across the sea.", "smiled."',
            "the lesson's",
        ),
        (
            'left, one, other = "One of [MASK]", "famous men here.", "famous women here."',
            "both times",
        ),
        ("left, one, other = 1, 2, 3", "three texts"),
    ],
    "two_meanings": [
        ('word = 5\nalike = ["a", "b"]\nodd = "c"', "texts in quotes"),
        (
            'word = "fan"\nalike = ["The fan of the fan cools the room."] * 2\nodd = "x"',
            "once, in just this form",
        ),
        (
            'word = "fly"\nalike = ["Many birds fly south before the winter.",\n'
            '         "They fly to Rome twice a year for work."]\n'
            'odd = "There is a fly in my soup, please take it back."',
            "too close",
        ),
        (
            'word = "fan"\nalike = ["The fan on the ceiling cools the room at night.",\n'
            '         "She is a fan of the football team from Leeds."]\n'
            'odd = "Switch on the fan, it is hot in this kitchen."',
            "is the nearer one",
        ),
        (f'word = "fans"\n{COOLING}{LEEDS}', "once, in just this form"),
        (f'word = "fan"\nalike = ["", "A fan."]\n{LEEDS}', "once, in just this form"),
        (
            'word = "fan"\nalike = ["The fan on the ceiling cools the room.",\n'
            f'         "The fan on the ceiling cools the hall."]\n{LEEDS}',
            "nearly one",
        ),
        (f'word = "fan"\n{COOLING}odd = "A fan cheered."', "too short"),
        (f'word = "fan"\n{COOLING}odd = alike[1]', "the same sentence"),
        (
            'word = "bank"\nalike = ["They fished from the grassy bank all day.",\n'
            '         "Ducks nest on the other bank of the river."]\n'
            'odd = "My bank charges a fee for every card."',
            "the lesson's",
        ),
        (
            'word = "biryani"\nalike = ["She cooks a spicy biryani on Sundays.",\n'
            '         "The best biryani of Lucknow is sold here."]\n'
            'odd = "He named his old brown dog biryani."',
            "only in pieces",
        ),
        (f'word = "fan"\nalike = "The fan cools the room."\n{LEEDS}', "a list of two"),
    ],
}
