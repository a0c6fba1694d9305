"""Typical wrong answers to lesson 2's exercises, and words of the hint that each must get."""

M = "m = mask.unsqueeze(-1)\n"

WRONG = {
    "masked_mean": [
        (
            "m = mask.unsqueeze(-1)\nreturn (x * m).sum(dim=1) / mask.sum(dim=1)",
            "Keep a last dimension",
        ),
        ("m = mask.unsqueeze(-1)\nreturn (x * ~m).sum(dim=1) / (~m).sum(dim=1)", "-1 and -2"),
        ("print(x.mean(dim=1))", "printed its answer"),
        ("return x.mean(dim=1)", "averaged the padding"),
        (M + "return (x * m).mean(dim=1)", "divide by all t columns"),
        (M + "return x.sum(dim=1) / m.sum(dim=1)", "sum still holds the padding"),
        (M + "return (x * m).sum(dim=1)", "the sum of the real tokens"),
        (M + "return (x * m).sum(dim=1) / m.sum()", "of the whole batch"),
        (M + "return (x * m)[:, 1:].sum(dim=1) / m[:, 1:].sum(dim=1)", "left [CLS] out"),
        (M + "return (x * m).sum(dim=0) / m.sum(dim=0)", "tokens are dimension 1"),
        ("return (x * mask).sum(dim=1) / mask.sum(dim=1)", "mask.unsqueeze(-1) fits"),
        (M + "x *= m\nreturn x.sum(dim=1) / m.sum(dim=1)", "changed x itself"),
        (M + "return (x * m).sum(dim=1, keepdim=True) / m.sum(dim=1, keepdim=True)", "the shape"),
        (M + "return (x * m).sum(dim=1) / m.sum(dim=1) + 1", "row"),
    ],
    "max_of_real_tokens": [
        ('return x.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(dim=1)', "mask == 0"),
        ("return x.masked_fill(mask.unsqueeze(-1) == 0, -100).amax(dim=1)", "very low values"),
        ("m = mask.unsqueeze(-1)\nreturn (x * m).sum(dim=1) / m.sum(dim=1)", "this is the mean"),
        ("print(x)", "returned nothing"),
        ("return x.max(dim=1).values", "padding wins"),
        ("return (x * mask.unsqueeze(-1)).max(dim=1).values", "0 wins over real values"),
        (
            'return x.masked_fill(mask.unsqueeze(-1) == 0, float("-inf")).max(dim=1)',
            "two things, values and indices",
        ),
        (
            'return x.masked_fill(mask.unsqueeze(-1) == 0, float("-inf")).argmax(dim=1)',
            "values, not the indices",
        ),
        (
            'return x.masked_fill(mask.unsqueeze(-1) == 1, float("-inf")).max(dim=1).values',
            "kept the padding",
        ),
        ("return x.max(dim=2).values", "over tokens it is dim=1"),
        ('return x.masked_fill(mask == 0, float("-inf")).max(dim=1).values', "unsqueeze(-1) fits"),
        (
            'x.masked_fill_(mask.unsqueeze(-1) == 0, float("-inf"))\nreturn x.max(dim=1).values',
            "changed x itself",
        ),
    ],
    "cosine_table": [
        ("return a @ b", "is the .T of"),
        ("return (a * b).sum(axis=1)", "row with row"),
        ("a /= np.linalg.norm(a, axis=1, keepdims=True)\nreturn a @ b.T", "you changed a itself"),
        ("return a @ b.T", "dot products"),
        ("return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ b.T", "only one side"),
        ("return a @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T", "second side"),
        ("return a @ b.T / (np.linalg.norm(a) * np.linalg.norm(b))", "length of the whole table"),
        (
            "a = a / np.linalg.norm(a, axis=1, keepdims=True)\n"
            "b = b / np.linalg.norm(b, axis=1, keepdims=True)\n"
            "return b @ a.T",
            "turn it round",
        ),
        (
            "return a @ b.T / (a**2).sum(axis=1, keepdims=True) / (b**2).sum(axis=1)",
            "square root",
        ),
        (
            "a = a / np.linalg.norm(a, axis=1)\nb = b / np.linalg.norm(b, axis=1)\nreturn a @ b.T",
            "when they are (n, 1): keepdims=True",
        ),
        ("return a @ b.T / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)", "keepdims=True"),
        (
            "a = a / np.linalg.norm(a, axis=0, keepdims=True)\n"
            "b = b / np.linalg.norm(b, axis=0, keepdims=True)\n"
            "return a @ b.T",
            "lengths of the columns",
        ),
        (
            "a = a / np.linalg.norm(a, axis=0)\nb = b / np.linalg.norm(b, axis=0)\nreturn a @ b.T",
            "take axis=1",
        ),
        ("return a @ b", "your code stops"),
    ],
    "recall_and_mrr": [
        (
            "rank = right.argmax(axis=1) + 1\nreturn (rank <= k).mean(), (1 / rank).mean()",
            "scores have no effect",
        ),
        (
            "order = np.argsort(-scores, axis=0)\n"
            "rank = np.take_along_axis(right, order, axis=0).argmax(axis=1) + 1\n"
            "return (rank <= k).mean(), (1 / rank).mean()",
            "sort along axis=1",
        ),
        ("scores.sort(axis=1)\nreturn 0.5, 0.5", "you changed scores itself"),
        (
            "order = np.argsort(-scores, axis=1)\n"
            "rank = np.take_along_axis(right, order, axis=1).argmax(axis=1) + 1\n"
            "return (rank <= k).mean(), (1 / rank).sum()",
            "that is the sum",
        ),
        (
            "order = np.argsort(-scores, axis=1)\n"
            "rank = np.take_along_axis(right, order, axis=1).argmax(axis=1)\n"
            "return (rank <= k).mean(), (1 / np.where(rank == 0, 1e-300, rank)).mean() * np.inf",
            "counts from 0",
        ),
        (
            "order = np.argsort(scores, axis=1)\n"
            "rank = np.take_along_axis(right, order, axis=1).argmax(axis=1) + 1\n"
            "return (rank <= k).mean(), (1 / rank).mean()",
            "worst first",
        ),
        (
            "order = np.argsort(-scores, axis=1)\n"
            "rank = np.take_along_axis(right, order, axis=1).argmax(axis=1) + 1\n"
            "return (1 / rank).mean(), (rank <= k).mean()",
            "recall comes first",
        ),
        (
            "order = np.argsort(-scores, axis=1)\n"
            "rank = np.take_along_axis(right, order, axis=1).argmax(axis=1) + 1\n"
            "return (rank < k).mean(), (1 / rank).mean()",
            "rank k itself counts",
        ),
        (
            "order = np.argsort(-scores, axis=1)\n"
            "rank = np.take_along_axis(right, order, axis=1).argmax(axis=1) + 1\n"
            "return (rank <= k).sum(), (1 / rank).mean()",
            "divide the count",
        ),
        (
            "order = np.argsort(-scores, axis=1)\n"
            "found = np.take_along_axis(right, order, axis=1)\n"
            "return found[:, :k].sum() / right.sum(), (1 / (found.argmax(axis=1) + 1)).mean()",
            "not all right answers",
        ),
        (
            "order = np.argsort(-scores, axis=1)\n"
            "rank = np.take_along_axis(right, order, axis=1).argmax(axis=1) + 1\n"
            "return (rank <= k).mean(), 1 / rank.mean()",
            "1 over the mean rank",
        ),
        (
            "order = np.argsort(-scores, axis=1)\n"
            "rank = np.take_along_axis(right, order, axis=1).argmax(axis=1) + 1\n"
            "return (rank <= k).mean(), rank.mean()",
            "the mean rank: take",
        ),
        (
            "order = np.argsort(-scores, axis=1)\n"
            "found = np.take_along_axis(right, order, axis=1)\n"
            "rank = found.argmax(axis=1) + 1\n"
            "return (rank <= k).mean(), (1 / (np.nonzero(found)[1] + 1)).mean()",
            "only the first right answer",
        ),
        ("return 0.5", "two numbers"),
        ("return 0.51, 0.51", "look at each rank"),
    ],
    "fool_glove": [
        (
            'sentence = "My cat sleeps all day."\n'
            'same = "A lazy cat."\n'
            'trap = "My dog barks all day."',
            "same has fewer",
        ),
        (
            'sentence = "My cat sleeps all day."\n'
            'same = "My pet naps all day."\n'
            'trap = "My pet naps all day."',
            "words of `same`",
        ),
        (
            'sentence = "My cat sleeps all day."\n'
            'same = "All day sleeps my cat."\n'
            'trap = "My dog barks all day."',
            "words of `sentence`",
        ),
        (
            'sentence = "My cat sleeps all day."\n'
            'same = "A lazy cat naps always."\n'
            'trap = "My cat sleeps all day!"',
            "exactly the words of `sentence`",
        ),
        ('sentence = "My cat sleeps all day."\nsame = ["My dog"]\ntrap = "x"', "text in quotes"),
        (
            'sentence = "Is there a good place to eat near here?"\n'
            'same = "Can you recommend a restaurant in this area?"\n'
            'trap = "Penguins hatch their eggs on the ice."',
            "GloVe is not fooled",
        ),
        (
            'sentence = "The concert was cancelled because of the rain."\n'
            'same = "Bad weather put an end to the open-air show."\n'
            'trap = "The rain stopped because of the concert."',
            "MiniLM, too",
        ),
        (
            'sentence = "I lost my keys in the park."\n'
            'same = "Penguins hatch eggs on ice."\n'
            'trap = "I lost my way in the fog."',
            "MiniLM, too",
        ),
        (
            'sentence = "My cat sleeps all day."\nsame = "My cat sleeps all day."\n'
            'trap = "My cat sleeps all night."',
            "exactly the words",
        ),
        (
            'sentence = "My cat sleeps all day."\nsame = "Lazy cat!"\n'
            'trap = "My dog barks all day."',
            "at least four words",
        ),
        ("sentence = 1\nsame = 2\ntrap = 3", "text in quotes"),
        (
            'sentence = "qxz wvk jjq zzk"\nsame = "vvq kkw xxj qqz"\ntrap = "qqx wwk jjz zzv"',
            "knows none of the words",
        ),
    ],
}
