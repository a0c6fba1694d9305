"""Typical wrong answers to the exercises of notebook 3, and words of the hint each must get."""

WRONG = {
    "nli_features": [
        ("return torch.cat([u.abs(), v.abs(), (u - v).abs()], dim=1)", "keep their signs"),
        ("return torch.cat([u, v, (u - v).abs()], dim=1).detach()", "no gradient"),
        ("return torch.cat([u, u, (u - v).abs()], dim=1)", "the second part is v"),
        ("u.sub_(v)\nreturn u", "changed an argument"),
        ("return torch.cat([u, v, u - v], dim=1)", "must be absolute"),
        ("return torch.cat([u, v, v - u], dim=1)", "whichever is larger"),
        ("return torch.cat([u, v, (u - v).abs()])", "along the batch"),
        ("return torch.cat([v, u, (u - v).abs()], dim=1)", "the premise comes first"),
        ("return torch.cat([(u - v).abs(), u, v], dim=1)", "the difference comes last"),
        ("return torch.cat([u, v, u * v], dim=1)", "not the product"),
        ("return torch.cat([u, v, (u - v) ** 2], dim=1)", "not squared"),
        ("return torch.cat([u, v], dim=1)", "(4, 10)"),
        ("return torch.zeros(4, 15)", "term by term"),
        ("return torch.concat(u, v)", "your code stops"),
    ],
    "learning_rates": [
        (
            'return [{"params": [encoder_weights], "lr": 1e-4},\n'
            '        {"params": [head_weights], "lr": 1e-3}]',
            "without brackets",
        ),
        (
            'return [{"params": encoder_weights, "lr": "1e-5"},\n'
            '        {"params": head_weights, "lr": 1e-3}]',
            "must be a number",
        ),
        (
            'return [{"params": encoder_weights, "lr": 0},\n'
            '        {"params": head_weights, "lr": 1e-3}]',
            "above 0",
        ),
        (
            'return [{"params": encoder_weights, "lr": 1e-9},\n'
            '        {"params": head_weights, "lr": 1e-8}]',
            "hardly moves",
        ),
        ('return [{"params": encoder_weights + head_weights, "lr": 1e-3}]', "join them"),
        (
            'return [{"params": [*encoder_weights, *head_weights], "lr": 1e-3}]',
            "one rate for both",
        ),
        (
            'return [{"params": encoder_weights, "lr": 1e-3},\n'
            '        {"params": head_weights, "lr": 3e-5}]',
            "the other way round",
        ),
        ('return [{"params": head_weights, "lr": 1e-3}]', "the encoder's weights are in no group"),
        ('return [{"params": encoder_weights, "lr": 3e-5}]', "stays random"),
        (
            'return [{"params": encoder_weights, "lr": 1e-3},\n'
            '        {"params": head_weights, "lr": 1e-2}]',
            "try 1e-4",
        ),
        (
            'return [{"params": encoder_weights, "lr": 3e-5},\n'
            '        {"params": head_weights, "lr": 4e-5}]',
            "many times",
        ),
        ('return {"encoder": 3e-5, "head": 1e-3}', "list of dictionaries"),
        ("return [3e-5, 1e-3]", "list of dictionaries"),
    ],
    "sts_loss": [
        (
            "grades.div_(5)\nreturn ((torch.cosine_similarity(u, v) - grades) ** 2).mean()",
            "you changed grades itself",
        ),
        ("return ((torch.cosine_similarity(u, v) - grades / 5) ** 2).mean().item()", "no gradient"),
        (
            "return ((torch.cosine_similarity(u, v)[:, None] - grades / 5) ** 2).mean()",
            "drop keepdim",
        ),
        ("return ((1 - torch.cosine_similarity(u, v) - grades / 5) ** 2).mean()", "a good pair"),
        (
            "return ((torch.cosine_similarity(u, v) - grades) ** 2).mean()",
            "divide",
        ),
        (
            "return ((torch.cosine_similarity(u, v) - (grades / 5 * 2 - 1)) ** 2).mean()",
            "a right angle",
        ),
        ("return (torch.cosine_similarity(u, v) - grades / 5).abs().mean()", "the absolute one"),
        ("return ((torch.cosine_similarity(u, v) - grades / 5) ** 2).sum()", "not the sum"),
        ("return (torch.cosine_similarity(u, v) - grades / 5) ** 2", "one number"),
        ("return (((u * v).sum(dim=1) - grades / 5) ** 2).mean()", "the dot product"),
        ("return (torch.cosine_similarity(u, v) - grades / 5).mean()", "cancel"),
        (
            "return ((torch.cosine_similarity(u, v) - grades / 5) ** 2).mean().sqrt()",
            "the root",
        ),
        ("return torch.tensor(0.3)", "term by term"),
    ],
    "triplet_loss": [
        (
            "return max((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1) + "
            "margin, 0)",
            "looks at one number",
        ),
        (
            "return torch.max((anchor - positive).norm(dim=1) - (anchor - "
            "negative).norm(dim=1) + margin, 0)",
            "take x.clamp(min=0)",
        ),
        (
            "return ((anchor - positive).norm(dim=0) - (anchor - negative).norm(dim=0)\n"
            "        + margin).relu().mean()",
            "along the batch",
        ),
        (
            "return ((anchor - positive).norm() - (anchor - negative).norm() + margin).relu()",
            "whole batch",
        ),
        (
            "return ((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1)\n"
            "        + 1).relu().mean()",
            "written in as 1",
        ),
        (
            "return ((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1)\n"
            "        + margin).mean()",
            "no clamp",
        ),
        (
            "return ((anchor - negative).norm(dim=1) - (anchor - positive).norm(dim=1)\n"
            "        + margin).relu().mean()",
            "the signs are exchanged",
        ),
        (
            "pull, push = ((anchor - x).norm(dim=1) ** 2 for x in (positive, negative))\n"
            "return (pull - push + margin).relu().mean()",
            "you squared",
        ),
        (
            "return ((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1)\n"
            "        + margin).relu().sum()",
            "not the sum",
        ),
        (
            "return ((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1)\n"
            "        ).relu().mean()",
            "the margin is missing",
        ),
        (
            "return ((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1)\n"
            "        - margin).relu().mean()",
            "the wrong sign",
        ),
        (
            "return ((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1)\n"
            "        + margin).mean().relu()",
            "for each triplet first",
        ),
        (
            "cos = torch.cosine_similarity\n"
            "return (cos(anchor, negative) - cos(anchor, positive) + margin).relu().mean()",
            "Euclidean",
        ),
        ("return margin", "term by term"),
    ],
    "in_batch_loss": [
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "entropy, right = torch.nn.functional.cross_entropy, torch.arange(len(a))\n"
            "return entropy((scale * a @ p.T).softmax(dim=1), right)",
            "does the soft-max itself",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "entropy, right = torch.nn.functional.cross_entropy, torch.arange(len(a))\n"
            "return entropy(scale * a @ positive.T, right)",
            "only the anchors",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "entropy, right = torch.nn.functional.cross_entropy, torch.arange(len(a))\n"
            "return entropy(scale * a @ p, right)",
            "is the .T of",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "entropy, right = torch.nn.functional.cross_entropy, torch.arange(len(a))\n"
            "return entropy(scale * a @ p.T, right).item()",
            "no gradient",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "labels = torch.zeros(len(a), dtype=torch.long)\n"
            "return torch.nn.functional.cross_entropy(scale * a @ p.T, labels)",
            "the labels are",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "return torch.nn.functional.cross_entropy(a @ p.T, torch.arange(len(a)))",
            "the scale is missing",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "return -(scale * a @ p.T).log_softmax(dim=0).diagonal().mean()",
            "along the rows",
        ),
        (
            "return torch.nn.functional.cross_entropy(\n"
            "    scale * anchor @ positive.T, torch.arange(len(anchor)))",
            "the length 1",
        ),
        (
            "return torch.nn.functional.cross_entropy(\n"
            "    anchor @ positive.T, torch.arange(len(anchor)))",
            "dot products without the scale",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "return (scale * a @ p.T).log_softmax(dim=1).diagonal().mean()",
            "the minus is missing",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "return -(scale * a @ p.T).log_softmax(dim=1).diagonal().sum()",
            "not the sum",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "return torch.nn.functional.cross_entropy(a @ p.T / scale, torch.arange(len(a)))",
            "you divided",
        ),
        (
            "a, p = (x / x.norm(dim=1, keepdim=True) for x in (anchor, positive))\n"
            "return torch.nn.functional.cross_entropy(20 * a @ p.T, torch.arange(len(a)))",
            "use the argument",
        ),
        ("return (anchor - positive).norm(dim=1)", "one number"),
        ("return torch.tensor(1.0)", "term by term"),
    ],
    "hard_triplet": [
        ('my_triplet = "How do I bake bread?"', "give a dictionary"),
        (
            'my_triplet = dict(anchor="How do I bake?", positive="x", negative="y")',
            "the positive should be",
        ),
        ('my_triplet = dict(Anchor="a", positive="b", negative="c")', "needs anchor"),
        (
            'my_triplet = {"anchor": "I love to study.",\n'
            '              "positive": "Learning things gives me great pleasure.",\n'
            '              "negative": "He loves to sleep."}',
            "the lesson's",
        ),
        ('my_triplet = {"anchor": 1, "positive": 2, "negative": 3}', "four words"),
        (
            'my_triplet = {"anchor": "How do I bake bread at home?",\n'
            '              "positive": "How do I bake bread in my own home?",\n'
            '              "negative": "Whales are very large animals."}',
            "too easy",
        ),
        (
            'my_triplet = {"anchor": "I love to study at night.",\n'
            '              "positive": "He loves to sleep in the sun.",\n'
            '              "negative": "I love to sleep at night."}',
            "do not mean the same",
        ),
        (
            'my_triplet = {"anchor": "How do I stop my dog from barking at night?",\n'
            '              "positive": "My puppy makes a terrible noise after dark. What helps?",\n'
            '              "negative": "How can I stop my dog barking at night?"}',
            "prefers the negative as well",
        ),
        (
            'my_triplet = {"anchor": "How do I bake bread?",\n'
            '              "positive": "how do I bake bread?",\n'
            '              "negative": "Whales are very large animals."}',
            "three different",
        ),
        ('my_triplet = {"anchor": "Bread", "positive": "Loaf", "negative": "Car"}', "four words"),
        ('my_triplet = ["a", "b", "c"]', "give a dictionary"),
        ('my_triplet = {"anchor": "How do I bake bread?"}', "needs anchor, positive and negative"),
    ],
}
