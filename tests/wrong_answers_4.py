"""Typical wrong answers to the exercises of notebook 4, and words of the hint each must get."""

# The right answer, to be spoilt in one place each.
COST = """
def cost(t):
    shown = scores >= t
    return price * (shown & ~right).sum() + (~shown & right).sum()
return min([*scores, math.inf], key=cost)
"""

# The chunks: right where STARTS is replaced by RIGHT_STARTS.
PIECES = 'return [" ".join(words[s : s + size]) for s in STARTS]'
RIGHT_STARTS = "range(0, max(1, len(words) - overlap), size - overlap)"
RIGHT_PIECES = PIECES.replace("STARTS", RIGHT_STARTS)


def pieces_from(*starts):
    """The answer whose pieces start at ``range(*starts)``."""
    return PIECES.replace("STARTS", f"range({', '.join(starts)})")


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
    "chunks": [
        (pieces_from("0", "len(words)", "size"), "nothing overlaps"),
        (pieces_from("0", "len(words)", "overlap or 1"), "not overlap."),
        (pieces_from("0", "len(words)", "size + overlap"), "are lost"),
        (pieces_from("0", "len(words)", "size - overlap"), "only repeats"),
        (pieces_from("0", "len(words) - size + 1", "size - overlap"), "in no piece"),
        (pieces_from("0", "len(words) - overlap", "size - overlap"), "is one piece"),
        (pieces_from("0", "max(1, len(words) - 1)", "size - 1"), "piece 2 is"),
        (pieces_from("len(words)"), "for every word"),
        (
            pieces_from("0", "len(words)", "size").replace("s + size", "s + size + overlap"),
            "the repeated ones too",
        ),
        (RIGHT_PIECES.replace("s + size", "s + size - 1"), "one word too short"),
        (RIGHT_PIECES.replace("s + size", "s + size + 1"), "one word too long"),
        (RIGHT_PIECES.replace('" "', '""'), "a space between"),
        ('words = " ".join(words)\n' + RIGHT_PIECES.replace('" ".join', ""), "you cut letters"),
        (RIGHT_PIECES.replace('" ".join', ""), "lists of words"),
        ('return " ".join(words)', "one string"),
        (RIGHT_PIECES.replace("[", "(", 1).rpartition("]")[0] + ")", "a generator"),
        (RIGHT_PIECES.replace("return ", "print(") + ")", "returned nothing"),
        (
            "pieces = []\nwhile words:\n"
            '    pieces.append(" ".join(words[:size]))\n'
            "    del words[: size - overlap]\nreturn pieces",
            "you changed words itself",
        ),
        ("return [words.split()[:size]]", "your code stops"),
    ],
    "hamming": [
        ("return (query != bank).sum(axis=1)", "bytes that differ"),
        ("return 320 - np.bitwise_count(query ^ bank).sum(axis=1, dtype=int)", "that are equal"),
        ("return (query ^ bank).sum(axis=1)", "count their ones"),
        ("return np.bitwise_count(query & bank).sum(axis=1)", "both have"),
        ("return np.unpackbits(bank, axis=1) @ np.unpackbits(query).astype(int)", "both have"),
        ("return np.bitwise_count(query | bank).sum(axis=1)", "either has"),
        ("return np.abs(bank.astype(int) - query).sum(axis=1)", "as numbers says nothing"),
        ("return np.bitwise_count(query ^ bank).sum(axis=1, dtype=np.uint8)", "uint8 ends at 255"),
        ("return np.bitwise_count(query ^ bank).sum()", "not one for all"),
        ("return np.bitwise_count(query ^ bank)", "each of the 40 bytes"),
        ("return np.unpackbits(query ^ bank, axis=1)", "those are the bits"),
        ("return np.bitwise_count(query ^ bank).sum(axis=0)", "axis=1"),
        ("return np.unpackbits(query ^ bank, axis=1).mean(axis=1)", "a share"),
        ("return -np.bitwise_count(query ^ bank).sum(axis=1, dtype=int)", "sign is turned"),
        ("return np.sqrt(np.bitwise_count(query ^ bank).sum(axis=1))", "no root"),
        ("return np.bitwise_count(bank).sum(axis=1)", "ones of each row"),
        (
            "bank ^= query\nreturn np.bitwise_count(bank).sum(axis=1, dtype=int)",
            "you changed bank itself",
        ),
        ("print(np.bitwise_count(query ^ bank).sum(axis=1))", "returned nothing"),
        ('return [bin(query ^ row).count("1") for row in bank]', "your code stops"),
        ("return np.linalg.norm(bank - query.astype(float), axis=1)", "row 3 is the query itself"),
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
