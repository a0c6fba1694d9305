"""The training loop on toy problems whose right answer is known; saving one's own models."""

import os
import signal
import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_bert import SENTENCES, save_tiny_bert

from course_utils import encoders, search, training
from course_utils.internal import my_models
from course_utils.training import train

pytestmark = pytest.mark.usefixtures("one_thread")


def line(seed=0):
    """Data of y = 3x - 1, and a linear model that does not know it yet."""
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 50)[:, None]
    model = torch.nn.Linear(1, 1)

    def loss_of(xs, ys):
        return ((model(torch.stack(xs)) - torch.stack(ys)) ** 2).mean()

    return model, loss_of, (list(x), list(3 * x - 1))


def run(seed=0, **options):
    model, loss_of, columns = line()
    options = {"epochs": 20, "batch_size": 10, "lr": 0.2, "show_progress": False, **options}
    return model, train(loss_of, columns, model.parameters(), seed=seed, **options)


def test_the_loss_falls_and_the_answer_is_found():
    model, history = run()
    assert history[0] > 1 and max(history[-5:]) < 0.01
    assert model.weight.item() == pytest.approx(3, abs=0.1)
    assert model.bias.item() == pytest.approx(-1, abs=0.1)


@pytest.mark.parametrize(
    "epochs, batch_size, steps", [(1, 50, 1), (2, 20, 6), (3, 7, 24), (1, 99, 1)]
)
def test_the_history_has_one_loss_for_each_step(epochs, batch_size, steps):
    _, history = run(epochs=epochs, batch_size=batch_size)
    assert len(history) == steps and all(type(loss) is float for loss in history)


@pytest.mark.parametrize("plain", [False, True])
def test_an_index_of_an_encoder_that_was_trained_since_refuses_to_search(tmp_path, plain):
    """Its vectors are the old encoder's, the query's would be the new one's."""
    encoder = encoders.load(save_tiny_bert(tmp_path / "bert", plain=plain))
    index = search.Index.build(encoder, SENTENCES)
    assert index.search(SENTENCES[3])[0].id == 3
    top = list(encoder.model.encoder.layer[1].parameters())  # already one layer is enough
    train(lambda texts: encoder.embed(texts).sum(), [SENTENCES], top, show_progress=False)
    with pytest.raises(ValueError, match="has changed: build the index again"):
        index.search(SENTENCES[3])
    with pytest.raises(ValueError, match="has changed: build the index again"):
        index.search_vectors(encoder.encode(SENTENCES[:2]))
    assert search.Index.build(encoder, SENTENCES).search(SENTENCES[3])[0].id == 3


def test_seeds_reproduce():
    (model, history), (again, same), (_, other) = run(seed=1), run(seed=1), run(seed=2)
    assert history == same and torch.equal(model.weight, again.weight)
    assert history != other


def test_every_epoch_sees_every_row_once_in_another_order():
    seen = []
    weight = torch.zeros(1, requires_grad=True)

    def loss_of(numbers, names):
        assert [str(number) for number in numbers] == names  # rows stay together
        seen.extend(numbers)
        return weight.sum()

    columns = (range(10), [str(i) for i in range(10)])
    train(loss_of, columns, [weight], epochs=2, batch_size=4, show_progress=False)
    first, second = seen[:10], seen[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(range(10)) != first != second


def learning_rates(steps, warmup, lr=1e-3):
    """The rate of each step, read off a weight with gradient 1: AdamW then moves it by the rate."""
    weight = torch.zeros(1, requires_grad=True)
    places = []

    def loss_of(rows):
        places.append(weight.item())
        return weight.sum()

    options = {"epochs": steps, "batch_size": 1, "lr": lr, "warmup": warmup}
    train(loss_of, ([0],), [weight], show_progress=False, **options)
    places.append(weight.item())
    return [(before - after) / lr for before, after in zip(places, places[1:], strict=False)]


def test_the_learning_rate_rises_then_falls_to_zero():
    rates = learning_rates(steps=20, warmup=0.25)
    expected = [min((i + 1) / 5, (20 - i) / 20) for i in range(20)]
    assert rates == pytest.approx(expected, abs=2e-3)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) <= 1.001 and rates[0] < 0.25 and rates[-1] < 0.06


def test_without_warm_up_it_only_falls():
    rates = learning_rates(steps=10, warmup=0)
    assert rates == pytest.approx([1 - i / 10 for i in range(10)], abs=2e-3)


def test_groups_have_their_own_learning_rate():
    """As in notebook 3: a new head learns faster than the encoder under it."""
    slow, fast = (torch.zeros(1, requires_grad=True) for _ in range(2))
    groups = [{"params": [slow], "lr": 1e-4}, {"params": [fast]}]
    options = {"epochs": 4, "lr": 1e-2, "show_progress": False}
    train(lambda rows: (slow + fast).sum(), ([0],), groups, **options)
    assert fast.item() / slow.item() == pytest.approx(100, rel=0.01)


def test_weights_that_are_not_given_stay():
    model, loss_of, columns = line()
    before = model.bias.item()
    train(loss_of, columns, [model.weight], lr=0.1, show_progress=False)
    assert model.bias.item() == before


def test_a_huge_gradient_is_clipped():
    """Without clipping, the one wild row would rule Adam's memory for the steps after it."""

    def end(size):
        weight = torch.zeros(1, requires_grad=True)
        sizes = [size, 1.0, 1.0, 1.0]
        losses = iter(sizes)
        options = {"epochs": 4, "lr": 0.1, "show_progress": False}
        train(lambda rows: next(losses) * weight.sum(), ([0],), [weight], **options)
        return weight.item()

    assert end(1e6) == pytest.approx(end(1.0), rel=1e-3)


class TestErrors:
    @pytest.mark.parametrize(
        "columns, lengths", [(([1, 2], [1]), [1, 2]), (([], []), [0]), ((), [])]
    )
    def test_unequal_or_empty_columns(self, columns, lengths):
        weight = torch.zeros(1, requires_grad=True)
        with pytest.raises(ValueError, match="equally long and not empty") as error:
            train(lambda *_: weight.sum(), columns, [weight])
        assert str(lengths) in str(error.value)

    @pytest.mark.parametrize("options", [{"epochs": 0}, {"batch_size": 0}, {"batch_size": -1}])
    def test_epochs_and_batch_size(self, options):
        weight = torch.zeros(1, requires_grad=True)
        with pytest.raises(ValueError, match="epochs and batch_size must be 1 or more"):
            train(lambda *_: weight.sum(), ([1],), [weight], **options)

    @pytest.mark.parametrize("loss", [1.0, torch.tensor(1.0), np.float32(1)])
    def test_a_loss_without_a_gradient(self, loss):
        weight = torch.zeros(1, requires_grad=True)
        with pytest.raises(ValueError, match="no gradient: make vectors with encoder.embed"):
            train(lambda *_: loss, ([1],), [weight], show_progress=False)

    def test_no_parameters(self):
        with pytest.raises(ValueError, match="empty parameter list"):
            train(lambda *_: torch.zeros(1), ([1],), [])

    @pytest.mark.parametrize("lr", [-1, float("nan"), float("inf")])
    def test_learning_rate(self, lr):
        with pytest.raises(ValueError, match="lr must be a finite number, 0 or more; got"):
            run(lr=lr)

    @pytest.mark.parametrize("warmup", [-0.1, 1.5, float("nan")])
    def test_warm_up(self, warmup):
        with pytest.raises(ValueError, match="warmup must be a share of the steps, from 0 to 1"):
            run(warmup=warmup)

    def test_another_models_parameters(self):
        _, loss_of, columns = line()
        other = torch.nn.Linear(1, 1)
        with pytest.raises(ValueError, match="does not depend on these parameters"):
            train(loss_of, columns, other.parameters(), show_progress=False)


def nan_gradient(w):
    """Finite, 0; its gradient is NaN: the root has no slope at 0."""
    return ((w - w.detach()) ** 2).sum().sqrt()


@pytest.mark.parametrize("bad_step", [1, 3, 5], ids=["first", "middle", "last"])
@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda w: w.sum() * float("nan"), "the loss is NaN at step {}: try a lower"),
        (lambda w: w.sum() * float("inf"), "the loss is inf at step {}: try a lower"),
        (lambda w: w.sum() * float("-inf"), "the loss is -inf at step {}: try a lower"),
        (nan_gradient, "the gradient is not a finite number at step {}, though the loss is 0"),
    ],
    ids=["nan", "inf", "-inf", "gradient"],
)
def test_what_is_no_number_stops_before_it_reaches_the_weights(spoil, message, bad_step):
    weight = torch.ones(2, requires_grad=True)
    other = torch.ones(1, requires_grad=True)
    states = []

    def loss_of(rows):
        states.append(weight.tolist() + other.tolist())
        good = (weight**2).sum() + (other**2).sum()
        return spoil(weight) + other.sum() * 0 if len(states) == bad_step else good

    groups = [{"params": [other]}, {"params": [weight]}]
    with pytest.raises(FloatingPointError, match=message.format(bad_step)):
        train(loss_of, ([0] * 5,), groups, batch_size=1, lr=0.1, show_progress=False)
    assert weight.tolist() + other.tolist() == states[-1] and np.isfinite(states).all()


def hf_column(values):
    import datasets as hf

    return hf.Dataset.from_dict({"x": values})["x"]


@pytest.mark.parametrize(
    "kind",
    [
        list, tuple, np.array, hf_column, iter, torch.tensor,
        lambda values: pd.Series(values, index=[3, 0, 2, 1]),
        lambda values: pd.Series(values, index=list("dcba")),
        lambda values: pd.Series([9, *values])[1:],
    ],
    ids=["list", "tuple", "numpy", "hf", "iterator", "tensor", "shuffled", "named", "filtered"],
)  # fmt: skip
def test_columns_are_read_by_position(kind):
    pairs = []
    weight = torch.zeros(1, requires_grad=True)

    def loss_of(numbers, names):
        pairs.extend((int(number), name) for number, name in zip(numbers, names, strict=True))
        return weight.sum()

    train(loss_of, (kind([0, 1, 2, 3]), list("abcd")), [weight], batch_size=3, show_progress=False)
    assert sorted(pairs) == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]


@pytest.mark.parametrize(
    "columns",
    [
        {"sentence1": ["a"], "sentence2": ["b"]}, {("a",), ("b",)}, "ab", pd.DataFrame({"a": [1]}),
        (["a"], "b"), (["a"], {"b"}), (["a"], {"b": 1}), (["a"], 3), None,
        (["a"], np.array(3)), (["a"], torch.tensor(3)), (["a"], pd.DataFrame({"x": ["A"]})),
    ],
)  # fmt: skip
def test_what_is_no_list_of_columns_is_refused(columns):
    with pytest.raises(TypeError, match="must be a list, not .*: give the columns one by one"):
        train(lambda *_: torch.zeros(1), columns, [torch.zeros(1, requires_grad=True)])


def test_watch_is_called_every_few_steps_and_at_the_end():
    seen = []
    run(epochs=2, batch_size=8, watch=seen.append, watch_every=4)  # 7 steps an epoch, 50 rows
    assert seen == [32, 58, 90, 100]
    seen.clear()
    run(epochs=1, batch_size=25, watch=seen.append, watch_every=2)
    assert seen == [50]
    with pytest.raises(ValueError, match="watch_every must be 1 or more; got 0"):
        run(watch_every=0)


def test_an_interrupt_leaves_the_weights_of_the_last_full_step(monkeypatch):
    """It comes when the first group of weights is changed and the second is not."""
    first, second = (torch.zeros(1, requires_grad=True) for _ in range(2))
    whole_step = torch.optim.AdamW.step
    handler = signal.getsignal(signal.SIGINT)

    def interrupted(self, closure=None):
        groups = self.param_groups
        self.param_groups = groups[:1]
        whole_step(self)
        signal.raise_signal(signal.SIGINT)
        self.param_groups = groups[1:]
        whole_step(self)
        self.param_groups = groups

    monkeypatch.setattr(torch.optim.AdamW, "step", interrupted)
    groups = [{"params": [first]}, {"params": [second]}]
    with pytest.raises(KeyboardInterrupt):
        train(lambda rows: (first + second).sum(), ([0] * 4,), groups, lr=0.1, show_progress=False)
    assert first.item() == second.item() == pytest.approx(-0.1)
    assert signal.getsignal(signal.SIGINT) is handler


def test_training_in_another_thread():
    """Only the main thread may set what an interrupt does."""
    done = []
    thread = threading.Thread(target=lambda: done.append(run()))
    thread.start()
    thread.join()
    assert len(done) == 1


def test_the_bar_is_shown_only_when_asked_for(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE")
    run()
    assert capsys.readouterr() == ("", "")
    run(show_progress=True)
    assert "loss" in capsys.readouterr().err


# ---- saving one's own models ---------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """COURSE_MODELS, a folder that does not exist yet."""
    monkeypatch.setenv("COURSE_MODELS", str(tmp_path / "my" / "models"))
    return tmp_path / "my" / "models"


class Note:
    """Saves like an encoder, but only a line of text."""

    def __init__(self, text):
        self.text = text

    def save(self, folder):
        folder.mkdir()
        (folder / "note.txt").write_text(self.text)
        return folder


def notes(folder):
    """What is saved where; nothing else may lie there."""
    return {path.name: (path / "note.txt").read_text() for path in folder.iterdir()}


def test_an_encoder_comes_back_as_it_was(folder, tmp_path):
    encoder = encoders.load(str(save_tiny_bert(tmp_path / "bert")))
    assert training.newest("course-sbert") is None
    saved = training.save_new(encoder, "course-sbert")
    assert saved == training.newest("course-sbert") == folder / "course-sbert-001"
    again = encoders.load(str(saved))
    assert np.array_equal(again.encode(SENTENCES), encoder.encode(SENTENCES))


def test_nothing_is_overwritten_and_the_newest_is_found(folder):
    for text in ("one", "two"):
        training.save_new(Note(text), "a")
    training.save_new(Note("other"), "a-b")
    assert notes(folder) == {"a-001": "one", "a-002": "two", "a-b-001": "other"}
    (folder / "a-1234").mkdir()
    (folder / "a-9").mkdir()  # not a name that save_new gives
    assert training.newest("a") == folder / "a-1234"
    assert training.save_new(Note("late"), "a") == folder / "a-1235"
    assert training.newest("a-b") == folder / "a-b-001"


def test_a_gap_is_not_filled(folder):
    """The highest number is the newest, also after an older model was thrown away."""
    for text in ("one", "two"):
        training.save_new(Note(text), "a")
    (folder / "a-001" / "note.txt").unlink()
    (folder / "a-001").rmdir()
    assert training.save_new(Note("three"), "a").name == "a-003"


def test_two_at_once_get_two_numbers(folder):
    writers = [
        threading.Thread(target=training.save_new, args=(Note(str(i)), "a")) for i in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = notes(folder)
    assert sorted(found.values()) == list("01234567")
    assert sorted(found) == [f"a-{i:03d}" for i in range(1, 9)]


def test_a_number_taken_at_the_last_moment(folder, monkeypatch):
    training.save_new(Note("theirs"), "a")
    monkeypatch.setattr(my_models, "_saved", lambda name: {})  # looked before the other one came
    assert training.save_new(Note("mine"), "a").name == "a-002"
    assert notes(folder) == {"a-001": "theirs", "a-002": "mine"}


def test_a_crash_while_saving_leaves_nothing(folder):
    class Broken:
        def save(self, folder):
            folder.mkdir()
            (folder / "half").write_text("a mod")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        training.save_new(Broken(), "a")
    assert training.newest("a") is None and list(folder.iterdir()) == []


def test_what_a_killed_save_left_is_removed_when_it_is_old(folder):
    two_days_ago = time.time() - 2 * my_models.DAY
    for name in ("old", "new", "busy"):
        (folder / f".saving-{name}" / "a").mkdir(parents=True)
        (folder / f".saving-{name}" / "a" / "half").write_text("a mod")
    for path in [*folder.glob(".saving-old/**/*"), *folder.glob(".saving-[ob]*")]:
        os.utime(path, (two_days_ago, two_days_ago))  # "busy" still writes to its file
    training.save_new(Note("x"), "a")
    left = {path.name for path in folder.iterdir()}
    assert left == {".saving-new", ".saving-busy", "a-001"}


def test_an_empty_folder_and_a_file_keep_their_numbers(folder, monkeypatch):
    folder.mkdir(parents=True)
    (folder / "a-001").mkdir()
    (folder / "a-002").write_text("mine")
    monkeypatch.setattr(my_models, "_saved", lambda name: {})  # looked before they came
    assert training.save_new(Note("x"), "a").name == "a-003"
    assert list((folder / "a-001").iterdir()) == []
    assert (folder / "a-002").read_text() == "mine"


def test_a_file_is_not_the_newest_model(folder):
    saved = training.save_new(Note("x"), "a")
    (folder / "a-002").write_text("a note")
    assert training.newest("a") == saved


def test_another_error_when_taking_the_name_is_told(folder, monkeypatch):
    def refuse(self, target):
        raise PermissionError("read-only")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(PermissionError, match="read-only"):
        training.save_new(Note("x"), "a")


@pytest.mark.parametrize("name", ["", "../a", "a/b", "a.b", "-a", "a*"])
def test_names(folder, name):
    for call in (training.newest, lambda name: training.save_new(Note("x"), name)):
        with pytest.raises(ValueError, match="cannot be a model's name: use letters"):
            call(name)
    assert not folder.exists()


def test_what_has_no_weights_is_not_saved(folder):
    glove = SimpleNamespace(name="glove")
    with pytest.raises(TypeError, match="glove has no weights to train or save: load it by its"):
        training.save_new(glove, "a")
    assert not folder.exists()


def test_the_folder(folder, monkeypatch):
    assert training.models_folder() == folder
    for nothing in (lambda: monkeypatch.setenv("COURSE_MODELS", ""),
                    lambda: monkeypatch.delenv("COURSE_MODELS")):  # fmt: skip
        nothing()
        assert training.models_folder() == my_models.ROOT / "my-models"
    assert (my_models.ROOT / "course_utils" / "training.py").is_file()
