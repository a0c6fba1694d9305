"""The loaders: the course's own files, and everything that can be wrong with a file."""

import csv
from collections import Counter

import pytest

from course_utils import datasets

NLI_HEADER = "id,premise,hypothesis,label,split"
STS_HEADER = "id,sentence1,sentence2,score,split"
NLI_ROW = "n1,A cat sleeps.,An animal sleeps.,entailment,train"
HARD = datasets.DATA
PAIR = {"sentence1": ["a"], "sentence2": ["b"]}
STS_ROW = "s1,A cat sleeps.,An animal sleeps.,3.5,train"


@pytest.fixture
def write(tmp_path):
    """Writes lines as a CSV file and gives its path."""

    def write(*lines, name="made.csv", encoding="utf-8", end="\n"):
        path = tmp_path / name
        path.write_bytes((end.join(lines) + end).encode(encoding))
        return path

    return write


# ---- the course's own data ----------------------------------------------------------------------


def header(name):
    """The columns of a file; ``topic`` may be one of them, the loaders leave it out."""
    with open(datasets.DATA / name, encoding="utf-8", newline="") as file:
        return [column for column in next(csv.reader(file)) if column != "topic"]


def test_course_nli():
    assert header("nli.csv") == NLI_HEADER.split(",")
    nli = datasets.load_nli()
    assert list(nli) == ["id", "premise", "hypothesis", "label", "split"]
    by_premise = {}
    for premise, label in zip(nli["premise"], nli["label"], strict=True):
        by_premise.setdefault(premise, []).append(label)
    assert len(by_premise) >= 60
    assert all(sorted(labels) == sorted(datasets.LABELS) for labels in by_premise.values())
    assert len(set(nli["id"])) == len(nli["id"])


def test_course_sts():
    assert header("sts.csv") == STS_HEADER.split(",")
    sts = datasets.load_sts()
    assert len(sts["score"]) >= 120
    assert all(type(score) is float and score * 2 == int(score * 2) for score in sts["score"])
    assert min(sts["score"]) <= 0.5 and max(sts["score"]) >= 4.5
    pairs = {frozenset(pair) for pair in zip(sts["sentence1"], sts["sentence2"], strict=True)}
    assert len(pairs) == len(sts["score"])


def test_course_questions_and_queries():
    assert [name for name in header("questions.csv") if name != "split"] == ["id", "group", "text"]
    assert header("queries.csv") == ["id", "text", "group"]
    questions, queries = datasets.load_questions(), datasets.load_queries()
    sizes = Counter(questions["group"])
    assert sum(size == 3 for size in sizes.values()) >= 60
    assert len(queries["text"]) >= 40
    assert {group for group in queries["group"] if group} <= set(sizes)
    assert any(queries["group"])
    assert not set(queries["text"]) & set(questions["text"])  # held out
    assert len(set(questions["text"])) == len(questions["text"])


@pytest.mark.parametrize(
    "load, texts",
    [(datasets.load_nli, ["premise"]), (datasets.load_sts, ["sentence1", "sentence2"])],
)
def test_course_splits_are_whole_and_share_nothing(load, texts):
    everything = load()
    parts = {split: load(split) for split in datasets.SPLITS}
    assert sum(len(part["id"]) for part in parts.values()) == len(everything["id"])
    for split, part in parts.items():
        assert part["id"] and set(part["split"]) == {split}
    seen = [{text for column in texts for text in part[column]} for part in parts.values()]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_course_triplets():
    made, nli = datasets.triplets("train"), datasets.load_nli("train")
    assert list(made) == ["anchor", "positive", "negative"]
    assert len(made["anchor"]) == len(set(nli["premise"])) > 0
    rows = set(zip(nli["premise"], nli["hypothesis"], nli["label"], strict=True))
    for anchor, positive, negative in zip(*made.values(), strict=True):
        assert (anchor, positive, "entailment") in rows
        assert (anchor, negative, "contradiction") in rows


# ---- any CSV file -------------------------------------------------------------------------------


def test_columns_and_splits(write):
    path = write(
        NLI_HEADER, NLI_ROW, "n2,A cat sleeps.,A cat dreams.,neutral,train",
        "n3,It rains.,It is dry.,contradiction,test",
    )  # fmt: skip
    assert datasets.load_nli("test", path) == {
        "id": ["n3"], "premise": ["It rains."], "hypothesis": ["It is dry."],
        "label": ["contradiction"], "split": ["test"],
    }  # fmt: skip
    assert datasets.load_nli(None, str(path))["id"] == ["n1", "n2", "n3"]
    assert datasets.load_nli("dev", path)["id"] == []


def test_id_and_split_are_only_needed_where_they_are_used(write):
    path = write("sentence1,sentence2,score", "a,b,5")
    assert datasets.load_sts(source=path) == {**PAIR, "score": [5.0]}
    with pytest.raises(ValueError, match="made.csv, line 1: no column split"):
        datasets.load_sts("train", path)


def test_columns_in_any_order_and_more_of_them(write):
    path = write("score,note,sentence2,sentence1", "1.5,hm,b,a")
    assert datasets.load_sts(source=path) == {**PAIR, "score": [1.5]}


def test_questions_and_queries(write):
    questions = write("id,group,text", "q1,g1,How do I cook rice?", "q2,g1,Cooking rice: how?")
    assert datasets.load_questions(questions)["group"] == ["g1", "g1"]
    queries = write("id,text,group", "x1,How is rice cooked?,g1", "x2,Why?,")
    assert datasets.load_queries(queries) == {
        "id": ["x1", "x2"], "text": ["How is rice cooked?", "Why?"], "group": ["g1", ""],
    }  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_byte_order_mark_line_ends_quotes_and_any_letters(write, encoding, end):
    path = write(
        "id,group,text", '1,g,"Rice, or ""pasta""?"', '2,g,"Two' + end + 'lines"', "3,g,Für 5 €?",
        "4,g,one\u2028line\x85still\x0bone\x0c", "", encoding=encoding, end=end,
    )  # fmt: skip
    assert datasets.load_questions(path)["text"] == [
        'Rice, or "pasta"?', "Two\nlines", "Für 5 €?", "one\u2028line\x85still\x0bone\x0c",
    ]  # fmt: skip


def test_triplets_leave_out_premises_without_both(write):
    path = write(
        "premise,hypothesis,label,split",
        "P1,yes,entailment,train", "P1,no,contradiction,train", "P1,never,contradiction,train",
        "P2,yes too,entailment,train", "P3,perhaps,neutral,train", "P4,no,contradiction,train",
        "P5,si,entailment,test", "P5,no,contradiction,test",
    )  # fmt: skip
    expected = {"anchor": ["P1"], "positive": ["yes"], "negative": ["no"]}
    assert datasets.triplets("train", path) == expected
    assert datasets.triplets(None, path)["anchor"] == ["P1", "P5"]


def test_the_course_has_harder_pairs_and_queries():
    assert datasets.load_sts(source="hard") == datasets.load_sts(source=HARD / "sts_hard.csv")
    assert datasets.load_queries("hard") == datasets.load_queries(HARD / "queries_hard.csv")
    with pytest.raises(FileNotFoundError, match="no file .*questions_hard.csv"):
        datasets.load_questions("hard")


def test_questions_have_a_split_where_the_file_has_one(write):
    lines = ("id,group,text,split", "q1,g1,How?,train", "q2,g2,Why?,test")
    bank = datasets.load_questions(write(*lines))
    assert bank["split"] == ["train", "test"]
    assert datasets.load_questions(write(*lines), "test")["id"] == ["q2"]


def test_select():
    columns = {"text": ["a", "b", "c"], "score": [1, 5, 4]}
    high = datasets.select(columns, lambda row: row["score"] > 3)
    assert high == {"text": ["b", "c"], "score": [5, 4]}
    assert datasets.select(columns, lambda row: False) == {"text": [], "score": []}


# ---- what is refused, with file, line and remedy ------------------------------------------------


def refused(message, load, *arguments):
    with pytest.raises(ValueError, match=message) as error:
        load(*arguments)
    assert "made.csv" in str(error.value)


class TestRefused:
    def test_missing_column(self, write):
        path = write("id,premise,label,split", "n1,A,entailment,train")
        message = "line 1: no column hypothesis; the header must name premise, hypothesis, label"
        refused(message, datasets.load_nli, None, path)

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no file .*gone.csv: give the path of a CSV"):
            datasets.load_nli(source=tmp_path / "gone.csv")
        with pytest.raises(FileNotFoundError, match="no file"):
            datasets.load_nli(source=tmp_path)  # a folder

    def test_unknown_label(self, write):
        path = write(NLI_HEADER, NLI_ROW, "n2,A,B,entails,train")
        message = "line 3: unknown label 'entails'; use one of entailment, neutral, contradiction"
        refused(message, datasets.load_nli, None, path)

    @pytest.mark.parametrize("score", ["5.5", "-0.5", "nan", "inf"])
    def test_score_out_of_range(self, write, score):
        path = write(STS_HEADER, STS_ROW, f"s2,A,B,{score},train")
        refused(f"line 3: score {score} is outside 0 to 5", datasets.load_sts, None, path)

    @pytest.mark.parametrize("score", ["high", "", "3;5"])
    def test_score_that_is_no_number(self, write, score):
        path = write(STS_HEADER, f"s2,A,B,{score},train")
        refused(f"line 2: score '{score}' is not a number", datasets.load_sts, None, path)

    def test_a_scale_that_nobody_knows(self, write):
        """From 0 to 1, or very different pairs: the course would divide by 5."""
        path = write(STS_HEADER, "s1,A,B,0.95,train", "s2,C,D,0,train")
        refused(r"no score is above 1. If the scale is 0 to 1, say scale=", datasets.load_sts,
                None, path)  # fmt: skip
        assert datasets.load_sts(None, path, scale=(0, 1))["score"] == [4.75, 0]
        assert datasets.load_sts(None, path, scale=(0, 5))["score"] == [0.95, 0]
        refused("line 2: score 0.95 is outside 1 to 5", datasets.load_sts, None, path, (1, 5))
        with pytest.raises(ValueError, match="scale must be .lowest, highest."):
            datasets.load_sts(None, path, scale=(5, 0))

    def test_a_split_on_some_rows_only(self, tmp_path):
        path = tmp_path / "made.csv.jsonl"
        path.write_text(
            '{"premise": "A", "hypothesis": "B", "label": "neutral", "split": "train"}\n'
            '{"premise": "A", "hypothesis": "C", "label": "neutral"}\n'
        )
        refused("line 2: unknown split None", datasets.load_nli, None, path)

    def test_unknown_split_asked_for(self, write):
        with pytest.raises(ValueError, match="unknown split 'valid'; choose among train, dev"):
            datasets.load_nli("valid", write(NLI_HEADER, NLI_ROW))

    def test_unknown_split_in_the_file(self, write):
        path = write(NLI_HEADER, NLI_ROW, "n2,A,B,neutral,validation")
        message = "line 3: unknown split 'validation'; use one of train, dev, test"
        refused(message, datasets.load_nli, None, path)

    @pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_not_utf8(self, write, encoding, mark):
        """The line is right wherever in it the first foreign letter is."""
        for text in ("é", "x,y,é"):
            path = write("id,group,text", "1,g,fine", f"{text},g,caf", encoding=encoding)
            path.write_bytes(mark + path.read_bytes())
            message = "line 3: not UTF-8; save the file again as UTF-8"
            refused(message, datasets.load_questions, path)

    def test_utf16(self, write):
        path = write("id,group,text", "1,g,fine", encoding="utf-16")
        refused("line 1: not UTF-8", datasets.load_questions, path)

    def test_duplicate_ids(self, write):
        path = write(NLI_HEADER, NLI_ROW, "n2,A,B,neutral,train", "n1,C,D,neutral,train")
        message = "line 4: id 'n1' is in line 2 already; make ids unique"
        refused(message, datasets.load_nli, None, path)

    @pytest.mark.parametrize(
        "row, column", [("n2,,B,neutral,train", "premise"), ("n2,A,  ,neutral,train", "hypothesis")]
    )
    def test_empty_text(self, write, row, column):
        path = write(NLI_HEADER, NLI_ROW, row)
        refused(f"line 3: empty {column}; fill it or drop", datasets.load_nli, None, path)

    @pytest.mark.parametrize("row", ["n2,A, and B,C,neutral,train", "n2,A,B,neutral"])
    def test_wrong_number_of_fields(self, write, row):
        path = write(NLI_HEADER, NLI_ROW, row)
        message = "line 3: not 5 fields; put text that holds commas in double quotes"
        refused(message, datasets.load_nli, None, path)

    def test_the_line_is_that_of_the_file_after_a_quoted_line_break(self, write):
        path = write(NLI_HEADER, 'n1,"A\nB\nC",D,neutral,train', "n2,A,B,maybe,train")
        refused("line 5: unknown label", datasets.load_nli, None, path)

    def test_no_rows(self, write):
        refused("no rows after the header", datasets.load_nli, None, write(NLI_HEADER))

    def test_empty_file(self, write):
        refused(r"line 1: no column .*\(found nothing\)", datasets.load_nli, None, write(end=""))

    def test_quote_that_never_ends(self, write):
        path = write(NLI_HEADER, NLI_ROW, 'n2,"A,B,neutral,train')
        refused("line 3: broken CSV", datasets.load_nli, None, path)

    def test_quote_that_never_ends_in_the_header(self, write):
        refused("line 1: broken CSV", datasets.load_nli, None, write('"id,premise'))

    def test_column_named_twice(self, write):
        path = write("id,group,text,text", "1,g,one,two")
        refused("line 1: column text appears twice", datasets.load_questions, path)
