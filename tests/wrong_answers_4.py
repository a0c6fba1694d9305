"""Typical wrong answers to the exercises of notebook 4, and words of the hint each must get."""

# The right answer, to be spoilt in one place each.
COST = """
def cost(t):
    shown = scores >= t
    return price * (shown & ~right).sum() + (~shown & right).sum()
return min([*scores, math.inf], key=cost)
"""

WRONG = {
    "gigabytes": [
        ("return round(n * dimensions * bits / 8 / 1e9)", "do not round"),
        ("return n * dimensions * bits // 8 // 10**9", "do not round"),
        ("print(n * dimensions * bits / 8 / 1e9)", "returned nothing"),
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
    "cheapest_threshold": [
        ("scores.sort()\nreturn scores[0]", "you changed scores itself"),
        (COST.replace("[*scores, math.inf]", "scores"), "showing nothing costs least"),
        (COST.replace("min", "max"), "the most expensive mistakes"),
        (COST.replace("price *", ""), "no effect"),
        (COST.replace("price *", "").replace("+", "+ price *"), "exchanged"),
        (COST.replace("(~shown & right)", "(~shown)"), "costs nothing"),
        (COST.replace(">=", ">"), "use >=, not >"),
        (COST.replace("+ (~shown & right).sum()", ""), "not shown costs 1"),
        (COST.replace("price * (shown & ~right).sum() +", ""), "costs `price`"),
        (COST.replace("([*scores, math.inf], key=cost)", "(map(cost, scores))"), "is needed"),
        ("return scores[scores > 0.5]", "one threshold is needed"),
        ("return 0.5", "at the best threshold"),
        ("return min(scores, key=price)", "your code stops"),
    ],
    "softmax_with_temperature": [
        ("e = np.exp((z - z.min()) / T)\nreturn e / e.sum()", "far apart"),
        ("e = np.exp(z / T - z.max())\nreturn e / e.sum()", "largest of z / T"),
        ("z -= z.max()\nreturn sampling.softmax(z, T)", "you changed z itself"),
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
        ("return z / T / (z / T).sum()", "exponentials are missing"),
        ("return math.exp(z / T)", "your code stops"),
    ],
    "keep_k": [
        ("return np.where(z >= np.sort(z)[-k], 1 / k, 0)", "all alike"),
        ("return np.sort(sampling.softmax(sampling.top_k(z, k)))[::-1]", "in order of size"),
        ("return sampling.softmax(sampling.top_k(z, k - 1))", "one too few"),
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
        ("return sampling.softmax(sampling.top_k(z, k + 1))", "one too many"),
    ],
    "nucleus": [
        ("return sampling.softmax(sampling.softmax(sampling.top_p(z / T, p)))", "taken twice"),
        ("return sampling.softmax(sampling.top_p(z * T, p))", "multiplied by T"),
        (
            "full = sampling.softmax(z, T)\nreturn np.where(full >= p, full, 0)",
            "not for each word alone",
        ),
        ("print(z)", "returned nothing"),
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
        ("return sampling.softmax(sampling.top_p(z, p))", "T has no effect"),
        (
            "return np.sort(sampling.softmax(z, T))[: int(p * len(z))]",
            "8 logits, so 8 probabilities",
        ),
    ],
    "min_p": [
        ("p = sampling.softmax(z)\nreturn np.where(p >= share * p.max(), p, 0)", "sum to 1"),
        ("p = sampling.softmax(z)\nreturn np.where(p >= share, p, 0)", "multiply by the largest"),
        (
            "p = sampling.softmax(z)\np = np.where(p >= share, p, 0)\n"
            "return p / max(p.sum(), 1e-9)",
            "multiply by the largest",
        ),
        ("return sampling.softmax(z)", "nothing was cut"),
        (
            "cut = np.where(z >= share * z.max(), z, -np.inf)\nreturn sampling.softmax(cut)",
            "not of the largest logit",
        ),
        ("print(sampling.softmax(z))", "returned nothing"),
        ("p = sampling.softmax(z)\nreturn p[p >= share * p.max()]", "8 logits"),
        ("p = sampling.softmax(z)\nreturn p >= share * p.max()", "keep p >= share"),
        (
            "p = sampling.softmax(z)\np = np.where(p <= share * p.max(), p, 0)\nreturn p / p.sum()",
            "keep p >= share",
        ),
        ("return sampling.softmax(sampling.top_p(z, share))", "keep p >= share"),
        ("p = z / z.sum()\np = np.where(p >= share * p.max(), p, 0)\nreturn p / p.sum()", "keep"),
        ("p = sampling.softmax(z)\nreturn share * p.max()", "8 logits"),
    ],
    "setting": [
        ('setting = {"temperature": 0.2}', "too boring"),
        ('setting = {"temperature": 0.4}', "too boring"),
        ('setting = {"temperature": 1.0, "top_k": 1}', "too boring"),
        ('setting = {"top_p": 0.05}', "too boring"),
        ('setting = {"temperature": 1.5}', "word salad"),
        ('setting = {"temperature": 3.0}', "word salad"),
        ('setting = {"temperature": 1.5, "min_p": 0.1}', "word salad"),
        ('setting = {"temperature": 0}', "cannot be sampled with"),
        ('setting = {"temperature": -1}', "cannot be sampled with"),
        ('setting = {"top_k": 2.5}', "cannot be sampled with"),
        ('setting = {"top_p": 2}', "cannot be sampled with"),
        ("setting = 0.7", "give a dictionary"),
        ('setting = {"T": 0.7}', "give a dictionary"),
    ],
}
