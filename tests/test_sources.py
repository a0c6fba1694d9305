"""Real data sets, in the forms their makers publish, give the course's columns."""

import json

import pytest

from course_utils import datasets
from course_utils.internal import real_data

SICK = """pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\tSemEval_set
1\tA dog runs\tA dog is running\t5.0\tENTAILMENT\tTRAIN
2\tA dog "runs\tNo dog is running\t3.0\tCONTRADICTION\tTRIAL
3\tA dog runs\tA man cooks\t1.0\tNEUTRAL\tTEST
"""


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


def test_a_folder_saved_by_the_datasets_library(tmp_path):
    import datasets as hf

    nli = {"premise": ["P", "P", "P"], "hypothesis": ["a", "b", "c"], "label": [0, -1, 2]}
    hf.DatasetDict(
        {"train": hf.Dataset.from_dict(nli), "validation": hf.Dataset.from_dict(nli)}
    ).save_to_disk(str(tmp_path / "nli"))
    found = datasets.load_nli("dev", tmp_path / "nli")
    assert found["hypothesis"] == ["a", "c"] and found["split"] == ["dev", "dev"]
    assert found["label"] == ["entailment", "contradiction"]
    assert len(datasets.load_nli(source=tmp_path / "nli")["label"]) == 4
    with pytest.raises(ValueError, match="no split 'test'; it has train, validation"):
        datasets.load_nli("test", tmp_path / "nli")
    sts = {"sentence1": ["A"], "sentence2": ["B"], "score": [2.5]}
    hf.Dataset.from_dict(sts).save_to_disk(str(tmp_path / "sts"))
    assert datasets.load_sts(source=tmp_path / "sts")["score"] == [2.5]


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
    with pytest.raises(ValueError, match="line 2: not a JSON object"):
        datasets.load_nli(source=write("x.jsonl", '{"a": 1}\n{broken\n'))


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


def test_label_names():
    assert [real_data.label_name(x) for x in (0, 1, 2, -1, "-", "NEUTRAL")] == [
        "entailment", "neutral", "contradiction", None, None, "neutral",
    ]  # fmt: skip
