"""Typical wrong answers to the exercises of notebook 4, and words of the hint each must get."""

WRONG = {
    "gigabytes": [
        ("return n * dimensions * bits / 1e9", "8 bits"),
        ("return n * bits / 8 / 1e9", "one number a vector"),
        ("return n * dimensions / 1e9", "counts numbers"),
        ("return n * dimensions * 4 / 1e9", "use `bits`"),
        ("return n * dimensions * bits / 8", "those are bytes"),
        ("return n * dimensions * bits / 8 / 1e6", "those are MB"),
        ("return n * dimensions * bits / 8 / 2**30", "GiB"),
        ("return n * (dimensions + 1) * bits / 8 / 1e9", "numbers in each"),
        ("return n * dimensions * (bits if bits != 32 else 16) / 8 / 1e9", "default"),
        ("return f'{n} GB'", "made of numbers"),
    ],
    "lowest_threshold": [
        (
            "good = [t for t in scores if right[scores >= t].mean() >= wanted]\n"
            "return max(good, default=math.inf)",
            "the highest score",
        ),
        (
            "good = [t for t in scores if scores[scores > t].size\n"
            "        and right[scores > t].mean() >= wanted]\n"
            "return min(good, default=math.inf)",
            "use >=, not >",
        ),
        (
            "good = [t for t in scores if right[scores >= t].sum() / right.sum() >= wanted]\n"
            "return min(good, default=math.inf)",
            "it is recall",
        ),
        (
            "best = math.inf\n"
            "for t in np.sort(scores)[::-1]:\n"
            "    if right[scores >= t].mean() < wanted:\n"
            "        return best\n"
            "    best = t\n"
            "return best",
            "first failure from above",
        ),
        ("return wanted", "a lower one does too"),
        ("return 2.0", "nothing at all is shown"),
        ("return -1.0", "were wanted"),
        ("return scores[scores > 0.5]", "one threshold is wanted"),
        (
            "good = [t for t in scores if right[scores >= t].mean() >= wanted]\n"
            "return min(good, default=0.0)",
            "answer math.inf",
        ),
        ("return min(t for t in scores if right[scores >= t].mean() >= wanted)", "your code stops"),
    ],
    "softmax_with_temperature": [
        ("return sampling.softmax(z * T)", "multiplied instead of divided"),
        ("return sampling.softmax(z)", "T has no effect"),
        ("return sampling.softmax(z) / T", "not the probabilities"),
        ("return np.exp(z / T) / np.exp(z).sum()", "normalise over the wrong thing"),
        ("return np.exp(z) / np.exp(z / T).sum()", "normalise over the wrong thing"),
        ("return np.full(len(z), np.exp(z[0] / T) / np.exp(z / T).sum())", "the notes' slip"),
        ("return [np.exp(z[-1] / T) / np.exp(z / T).sum() for i in z]", "the notes' slip"),
        ("return np.exp(z / T)", "not normalised"),
        ("return np.exp(z / T) / np.exp(z / T).sum()", "overflows for large"),
        ("return sampling.log_softmax(z, T)", "logarithms"),
        ("return np.exp(z / T)[0] / np.exp(z / T).sum()", "five probabilities"),
        ("return z / T / (z / T).sum()", "term by term"),
        ("return math.exp(z / T)", "your code stops"),
    ],
    "keep_k": [
        ("return sampling.softmax(np.where(z >= np.sort(z)[-k], z, -np.inf))", "equal logits only"),
        ("return sampling.softmax(np.where(z >= np.sort(z)[-k], z, 0))", "zero is a logit"),
        (
            "full = sampling.softmax(z)\nreturn np.where(z >= np.sort(z)[-k], full, 0)",
            "not renormalised",
        ),
        ("return sampling.softmax(np.sort(z)[-k:])", "their places"),
        ("return sampling.softmax(np.where(z <= np.sort(z)[k - 1], z, -np.inf))", "the worst"),
        ("return sampling.top_k(z, k)", "those are logits"),
        ("return sampling.softmax(z)", "nothing was cut"),
        (
            "best = np.argsort(z, kind='stable')[-k:]\n"
            "cut = np.full(len(z), -np.inf)\ncut[best] = z[best]\nreturn sampling.softmax(cut)",
            "the earlier stay",
        ),
        ("return sampling.softmax(sampling.top_k(z, k + 1))", "4 probabilities are above 0"),
    ],
    "nucleus": [
        (
            "full = sampling.softmax(z, T)\norder = np.argsort(-full, kind='stable')\n"
            "kept = order[np.cumsum(full[order]) <= p]\n"
            "cut = np.zeros(len(z))\ncut[kept] = full[kept]\nreturn cut / cut.sum()",
            "dropped the token that crosses p",
        ),
        (
            "full = sampling.softmax(z, T)\norder = np.argsort(-full, kind='stable')\n"
            "kept = order[np.cumsum(full[order]) < p]\n"
            "cut = np.zeros(len(z))\ncut[kept] = full[kept]\nreturn cut",
            "dropped the token that crosses p",
        ),
        (
            "full = sampling.softmax(z, T)\norder = np.argsort(-full, kind='stable')\n"
            "kept = order[np.cumsum(full[order]) - full[order] < p]\n"
            "cut = np.zeros(len(z))\ncut[kept] = full[kept]\nreturn cut",
            "not renormalised",
        ),
        (
            "full = sampling.softmax(z, T)\norder = np.argsort(-full, kind='stable')\n"
            "before = np.cumsum(full[order]) - full[order]\n"
            "cut = np.where(before < p, full[order], 0)\nreturn cut / cut.sum()",
            "in order of size",
        ),
        ("return sampling.softmax(sampling.top_p(z, p), T)", "the temperature comes first"),
        ("return sampling.softmax(z, T)", "nothing was cut"),
        ("return sampling.softmax(sampling.top_p(z, p))", "words kept at T = 2.5"),
        (
            "return np.sort(sampling.softmax(z, T))[: int(p * len(z))]",
            "8 logits, so 8 probabilities",
        ),
    ],
    "setting": [
        ('setting = {"T": 0.3}', "too boring"),
        ('setting = {"T": 1.0, "k": 1}', "too boring"),
        ('setting = {"T": 2}', "word salad"),
        ('setting = {"T": 3.0, "k": 3}', "repetitive and odd at once"),
        ('setting = {"T": 0}', "T above 0"),
        ('setting = {"T": -1}', "cannot be sampled with"),
        ('setting = {"T": 1, "k": 2.5}', "cannot be sampled with"),
        ('setting = {"T": "high"}', "cannot be sampled with"),
        ("setting = 0.7", "give a dictionary"),
        ('setting = {"temperature": 0.7}', "give a dictionary"),
    ],
}
