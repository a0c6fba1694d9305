"""Real data sets, in the forms their makers publish, give the course's columns."""

import itertools
import json

import datasets as hf
import pytest

from course_utils import datasets

SICK = """pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\tSemEval_set
1\tA dog runs\tA dog is running\t5.0\tENTAILMENT\tTRAIN
2\tA dog "runs\tNo dog is running\t3.0\tCONTRADICTION\tTRIAL
3\tA dog runs\tA man cooks\t1.0\tNEUTRAL\tTEST
"""
NLI = {"premise": "a", "hypothesis": "b", "label": "neutral"}
STS = {"sentence1": "a", "sentence2": "b", "score": 3}


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_sick_gives_labels_and_scores_from_0_to_5(write):
    path = write("SICK.txt", SICK)
    nli, sts = datasets.load_nli(source=path), datasets.load_sts(source=path)
    assert nli["label"] == ["entailment", "contradiction", "neutral"]
    assert nli["premise"][1] == 'A dog "runs' and nli["id"] == ["1", "2", "3"]
    assert sts["score"] == [5.0, 2.5, 0.0]
    assert datasets.load_sts("dev", path)["sentence2"] == ["No dog is running"]


def test_sts_benchmark_as_published_and_as_in_glue(write):
    published = write(
        "sts-dev.csv",
        "main-news\tMSRpar\t2012test\t0007\t4.40\tHe said, so\tHe did say so\n"
        "main-news\tMSRpar\t2013test\t0007\t0.00\tA cat\tA tax\tlicence\tmore\n",
    )
    glue = write(
        "dev.tsv",
        "index\tgenre\tsentence1\tsentence2\tscore\n0\tnews\tHe said, so\tHe did say so\t4.400\n",
    )
    found = datasets.load_sts(source=published)
    assert found["score"] == [4.4, 0.0] and found["sentence1"] == ["He said, so", "A cat"]
    assert found["id"] == ["1", "2"]  # the file's own ids repeat
    assert datasets.load_sts(source=glue)["score"] == [4.4]


def test_snli_drops_pairs_without_a_gold_label(write):
    rows = [
        {"pairID": "a", "sentence1": "P", "sentence2": "H", "gold_label": "neutral"},
        {"pairID": "b", "sentence1": "P", "sentence2": "H2", "gold_label": "-"},
        {"pairID": "c", "sentence1": "P", "sentence2": "H3", "gold_label": "entailment"},
    ]
    path = write("snli.jsonl", "\n".join(map(json.dumps, rows)) + "\n")
    found = datasets.load_nli(source=path)
    assert found["id"] == ["a", "c"] and found["label"] == ["neutral", "entailment"]


def test_quora_pairs_become_groups_of_duplicates(write):
    path = write(
        "quora.tsv",
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
        '0\t1\t2\tHow do I cook?\t"What is ""cooking""?"\t0\n'
        "1\t3\t1\tCooking, how?\tHow do I cook?\t1\n"
        "2\t3\t4\tCooking, how?\tWays to cook?\t1\n"
        "3\t5\t6\tA gap\t\t0\n",
    )
    bank = datasets.load_questions(path)
    group = dict(zip(bank["text"], bank["group"], strict=True))
    assert len(bank["id"]) == len(set(bank["id"])) == 4
    assert group["How do I cook?"] == group["Cooking, how?"] == group["Ways to cook?"]
    assert group['What is "cooking"?'] != group["How do I cook?"]


def test_quora_with_an_open_quote_is_refused(write):
    """One quote that never ends would swallow the rows after it."""
    head = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\ta?\tb?\t1\n"
    for rows in (
        '1\t3\t4\t"c?\td?\t0\n' + "2\t5\t6\te?\tf?\t1\n" * 50,
        '1\t3\t4\t"c?\td?\t0\n2\t5\t6\te?"\tf?\t1\n',  # closed later: as many fields
        '1\t3\t4\t"c?\td?\t0\n' + "2\t5\t6\te?\tf?\t1\n" * 20_000,
        '1\t3\t4\t"c" d?\te?\t1\n',
        "1\t3\t4\tc?\td?\n",
    ):
        with pytest.raises(ValueError, match=r"q.tsv, line 3: .*; look for a quote"):
            datasets.load_questions(write("q.tsv", head + rows))
    two_lines = write("q.tsv", head + '1\t3\t4\t"c\nd?"\te?\t1\n')
    assert datasets.load_questions(two_lines)["text"][2] == "c\nd?"
    for split in datasets.SPLITS:
        with pytest.raises(ValueError, match="does not say which split"):
            datasets.load_questions(two_lines, split)
    with pytest.raises(ValueError, match="line 2: 'yes' does not say if the questions are dup"):
        datasets.load_questions(write("q.tsv", head.replace("1\n", "yes\n")))


@pytest.mark.parametrize("end, sign", [(".tsv", "\t"), (".csv", ",")])
def test_a_text_may_be_a_whole_document(write, end, sign):
    long = "a word or two " * 20_000
    path = write(f"long{end}", f"group{sign}text\ng{sign}{long}\n")
    assert datasets.load_questions(path)["text"] == [long]


def test_a_bank_of_ones_own_with_tabs(write):
    path = write("mine.tsv", "id\tgroup\ttext\n1\tg\tHow?\n2\tg\tIn what way?\n")
    assert datasets.load_questions(path)["group"] == ["g", "g"]


# ---- folders ------------------------------------------------------------------------------------

PAIRS = {"premise": ["P", "P", "P"], "hypothesis": ["a", "b", "c"]}


def labelled(labels, names=None):
    """Three pairs with the labels, numbers whose names are ``names``."""
    made = hf.Dataset.from_dict({**PAIRS, "label": labels})
    return made.cast_column("label", hf.ClassLabel(names=names)) if names else made


def test_a_folder_saved_by_the_datasets_library(tmp_path):
    part = labelled([0, -1, 2], list(datasets.LABELS))
    hf.DatasetDict({"train": part, "validation": part}).save_to_disk(tmp_path / "nli")
    found = datasets.load_nli("dev", tmp_path / "nli")
    assert found["hypothesis"] == ["a", "c"] and found["split"] == ["dev", "dev"]
    assert found["label"] == ["entailment", "contradiction"]
    everything = datasets.load_nli(source=tmp_path / "nli")
    assert everything["split"] == ["train", "train", "dev", "dev"]
    with pytest.raises(ValueError, match="no split 'test'; it has train, validation"):
        datasets.load_nli("test", tmp_path / "nli")
    hf.DatasetDict({"dev": part}).save_to_disk(tmp_path / "dev")
    assert datasets.load_nli("dev", tmp_path / "dev")["split"] == ["dev", "dev"]


def test_one_part_saved_alone_is_not_another_part(tmp_path):
    labelled([0, 1, 2], list(datasets.LABELS)).save_to_disk(tmp_path / "nli")
    assert len(datasets.load_nli(source=tmp_path / "nli")["label"]) == 3
    for split in datasets.SPLITS:
        with pytest.raises(ValueError, match="does not say which split a row is in"):
            datasets.load_nli(split, tmp_path / "nli")


@pytest.mark.parametrize("names", list(itertools.permutations(datasets.LABELS)))
def test_the_names_of_labels_are_read(tmp_path, names):
    labelled([0, 1, 2], list(names)).save_to_disk(tmp_path / "nli")
    assert datasets.load_nli(source=tmp_path / "nli")["label"] == list(names)


@pytest.mark.parametrize(
    "names, message",
    [
        (["entailment", "not_entailment", "x"], "line 2: unknown label 'not_entailment'"),
        (["equivalent", "not_equivalent", "x"], "line 1: unknown label 'equivalent'"),
        (None, "line 1: label 0 is a number without a name"),
    ],
)
def test_other_names_and_numbers_without_names_are_refused(tmp_path, names, message):
    labelled([0, 1, 2], names).save_to_disk(tmp_path / "nli")
    with pytest.raises(ValueError, match=message):
        datasets.load_nli(source=tmp_path / "nli")


def save_parquet(folder, **parts):
    """A folder as the hub stores it: one parquet file for each part."""
    folder.mkdir(parents=True)
    for name, part in parts.items():
        part.to_parquet(folder / f"{name}-00000-of-00001.parquet")
    return folder


def test_all_nli_as_published(tmp_path):
    part = labelled([0, 1, 2], list(datasets.LABELS))
    folder = save_parquet(tmp_path / "all-nli" / "pair-class", train=part, dev=part, test=part)
    found = datasets.load_nli("test", folder)
    assert found["label"] == list(datasets.LABELS) and found["split"] == ["test"] * 3
    assert datasets.load_nli("test", f"{folder.parent}:pair-class") == found
    triplet = hf.Dataset.from_dict({"anchor": ["a"], "positive": ["p"], "negative": ["n"]})
    folder = save_parquet(tmp_path / "all-nli" / "triplet", train=triplet)
    assert datasets.load_triplets("train", folder) == {
        "id": ["1"], "anchor": ["a"], "positive": ["p"], "negative": ["n"], "split": ["train"],
    }  # fmt: skip
    with pytest.raises(ValueError, match="use datasets.triplets"):
        datasets.load_triplets("train", "course")


def test_stsb_as_published_is_brought_to_0_to_5(tmp_path):
    part = hf.Dataset.from_dict(
        {"sentence1": ["A", "B"], "sentence2": ["C", "D"], "score": [0.95, 0.2]}
    )
    known = save_parquet(tmp_path / "sentence-transformers" / "stsb" / "data", validation=part)
    assert datasets.load_sts("dev", known.parent)["score"] == [4.75, 1.0]
    other = save_parquet(tmp_path / "other", validation=part)
    with pytest.raises(ValueError, match="no score is above 1"):
        datasets.load_sts("dev", other)
    assert datasets.load_sts("dev", other, scale=(0, 1))["score"] == [4.75, 1.0]


def test_labels_are_no_scores(tmp_path):
    pairs = hf.Dataset.from_dict({"sentence1": ["A"], "sentence2": ["B"], "label": [1]})
    pairs.cast_column("label", hf.ClassLabel(names=["no", "yes"])).save_to_disk(tmp_path / "named")
    with pytest.raises(ValueError, match="line 1: score 'yes' is not a number"):
        datasets.load_sts(source=tmp_path / "named")
    pairs.save_to_disk(tmp_path / "bare")
    with pytest.raises(ValueError, match="no score is above 1"):
        datasets.load_sts(source=tmp_path / "bare")


def test_quora_as_published_on_the_hub(tmp_path):
    rows = {"sentence1": ["a?", "a?", "d?"], "sentence2": ["b?", "c?", "e?"], "label": [1, 0, 0]}
    names = hf.ClassLabel(names=["different", "duplicate"])
    part = hf.Dataset.from_dict(rows).cast_column("label", names)
    bank = datasets.load_questions(save_parquet(tmp_path / "pair-class", train=part), "train")
    group = dict(zip(bank["text"], bank["group"], strict=True))
    assert list(group) == ["a?", "b?", "c?", "d?", "e?"]
    assert group["a?"] == group["b?"] and len(set(group.values())) == 4


@pytest.mark.parametrize(
    "load, row, message",
    [
        (datasets.load_nli, {**NLI, "premise": None}, "premise is None, not a text"),
        (datasets.load_nli, {**NLI, "premise": 7}, "premise is 7, not a text"),
        (datasets.load_nli, {**NLI, "hypothesis": {"en": "b"}}, "hypothesis is {'en': 'b'}, not"),
        (datasets.load_nli, {**NLI, "label": 1}, "label 1 is a number without a name"),
        (datasets.load_nli, {**NLI, "label": True}, "label True is a number without a name"),
        (datasets.load_nli, {**NLI, "split": None}, "unknown split 'none'"),
        (datasets.load_sts, {**STS, "score": None}, "score None is not a number"),
        (datasets.load_sts, {**STS, "score": True}, "score True is not a number"),
        (datasets.load_sts, {**STS, "score": [3]}, r"score \[3\] is not a number"),
        (datasets.load_sts, {**STS, "score": "4,5"}, "score '4,5' is not a number"),
        (datasets.load_sts, {**STS, "score": float("nan")}, "score nan is outside 0 to 5"),
        (datasets.load_queries, {"text": "a", "group": 3}, "group 3 is not a text"),
    ],
)
def test_values_of_another_kind_are_refused(write, load, row, message):
    path = write("x.jsonl", json.dumps(row) + "\n")
    with pytest.raises(ValueError, match=f"x.jsonl, line 1: {message}"):
        load(source=path)


def test_a_query_without_a_group_has_an_empty_one(write):
    path = write("x.jsonl", '{"text": "a", "group": null}\n')
    assert datasets.load_queries(path)["group"] == [""]


def test_a_hub_name_without_network_says_what_works():
    with pytest.raises(FileNotFoundError, match="offline use a .csv, .tsv or .jsonl file"):
        datasets.load_nli(source="nobody/no-such-data-set")


def test_a_missing_column_names_file_line_and_candidates(write):
    path = write("bad.tsv", "sentence_A\tsentence_B\nx\ty\n")
    with pytest.raises(ValueError, match=r"bad.tsv, line 2: no column for label; expected one of"):
        datasets.load_nli(source=path)


def test_a_short_line_and_broken_json_are_named(write):
    with pytest.raises(ValueError, match="line 3: 2 fields, not 5"):
        datasets.load_sts(
            source=write("x.tsv", "id\tscore\tsentence1\tsentence2\tz\n1\t2\ta\tb\tc\n2\t3\n")
        )
    with pytest.raises(ValueError, match="line 2: 3 fields, not 2"):  # a tab in a text
        datasets.load_queries(write("x.tsv", "text\tgroup\nWhat\tnow?\tg\n"))
    with pytest.raises(ValueError, match="line 1: column text appears twice"):
        datasets.load_queries(write("x.tsv", "text\tgroup\ttext\na\tg\tb\n"))
    for broken in ("{broken", "[1]", "3", "[" * 100_000):
        with pytest.raises(ValueError, match="line 2: not a JSON object"):
            datasets.load_nli(source=write("x.jsonl", '{"a": 1}\n' + broken))


def test_sick_with_a_decimal_comma_names_the_line(write):
    with pytest.raises(ValueError, match="SICK.txt, line 3: score '3,0' is not a number"):
        datasets.load_sts(source=write("SICK.txt", SICK.replace("3.0", "3,0")))


def test_other_encodings_unknown_labels_and_empty_texts_are_refused(tmp_path, write):
    path = tmp_path / "latin.tsv"
    path.write_bytes("sentence1\tsentence2\tscore\nça\tb\t3\n".encode("latin-1"))
    with pytest.raises(ValueError, match="line 2: not UTF-8"):
        datasets.load_sts(source=path)
    with pytest.raises(ValueError, match="line 2: unknown label 'maybe'"):
        datasets.load_nli(source=write("l.tsv", "premise\thypothesis\tlabel\na\tb\tmaybe\n"))
    with pytest.raises(ValueError, match="line 2: empty premise"):
        datasets.load_nli(source=write("e.tsv", "premise\thypothesis\tlabel\n \tb\tneutral\n"))


def test_a_split_that_the_file_does_not_know(write):
    with pytest.raises(ValueError, match="leave split out"):
        datasets.load_sts("test", write("s.tsv", "sentence1\tsentence2\tscore\na\tb\t3\n"))
