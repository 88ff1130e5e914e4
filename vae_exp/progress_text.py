"""The text of a progress bar, as long as its width allows."""

from __future__ import annotations

from dataclasses import dataclass, field

from vae_exp.storage.metrics import Record

SPLITS = ("train", "val", "test")
WIDEST_BAR, NARROWEST_BAR = 24, 8
"""Characters of the bar."""
WIDEST_LABEL, NARROWEST_LABEL = 40, 12
"""Characters of the label; the rest is cut off."""


def losses(record: Record) -> str:
    """Return an epoch's losses in nats: `train 171.20  val 170.83  test 171.04`."""
    return "  ".join(f"{split} {record[f'{split}/loss']:.2f}" for split in SPLITS if f"{split}/loss" in record)


@dataclass
class ProgressText:
    """The progress of a run, as texts of several lengths."""

    label: str
    unit: str = "epoch"
    """What is counted: epochs, or jobs."""
    epochs: int = 0
    epoch: int = 0
    record: Record = field(default_factory=dict)
    doing: str = ""
    """The current activity outside the epochs."""

    def variants(self, left: str) -> list[str]:
        """Return the texts to show after the bar, the longest first; `left` is the remaining time."""
        if self.doing:
            return [self.doing]
        count, every, brief = f"{self.epoch}/{self.epochs}", losses(self.record), losses(self._validation())
        left = f"{left} left" if self.epoch < self.epochs else ""
        return [_joined(f"{self.unit} {count}", words, left) for words in (every, brief)] + [
            _joined(count, brief, left),
            _joined(count, left),
        ]

    def _validation(self) -> Record:
        """Return only the validation loss, or the training loss when there are no validation images."""
        name = "val/loss" if "val/loss" in self.record else "train/loss"
        return {name: self.record[name]} if name in self.record else {}


def _joined(*parts: str) -> str:
    return "  ".join(filter(None, parts))


def fit(width: int, label: str, variants: list[str]) -> tuple[str, int, str]:
    """Return the label, the characters of the bar and the text that fit into one line of `width` characters.

    The text comes first, then the bar, then the label, then a longer text.

    >>> fit(80, "seed=0", ["epoch 3/50  train 9.10  val 9.20  0:01:12 left", "3/50  val 9.20  0:01:12 left"])
    ('seed=0', 24, 'epoch 3/50  train 9.10  val 9.20  0:01:12 left')
    >>> fit(40, "seed=0", ["epoch 3/50  train 9.10  val 9.20  0:01:12 left", "3/50  val 9.20  0:01:12 left"])
    ('', 10, '3/50  val 9.20  0:01:12 left')
    """
    least = min(len(label), NARROWEST_LABEL) + NARROWEST_BAR + 4
    # The last text has no loss: before it is taken, label and bar are left out.
    text = next((text for text in variants[:-1] or variants if least + len(text) <= width), None)
    if text is None:
        text = next((text for text in variants if len(text) <= width), variants[-1][:width])
        bar = width - len(text) - 2
        return "", min(bar, WIDEST_BAR) if bar >= NARROWEST_BAR else 0, text
    free = width - len(text) - 4
    label = cut(label, min(max(free - WIDEST_BAR, NARROWEST_LABEL), WIDEST_LABEL))
    return label, min(free - len(label), WIDEST_BAR), text


def cut(text: str, longest: int) -> str:
    """Shorten a text to at most `longest` characters, ending in `…` if it was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def duration(seconds: float | None) -> str:
    """Return `0:01:12`, or dashes while the duration is unknown."""
    if seconds is None:
        return "-:--:--"
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def roughly(seconds: float) -> str:
    """Return `41 s`, `12 min` or `3.2 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
