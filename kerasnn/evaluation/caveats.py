"""What a reader of scores must know where the rows were few or the classes uneven."""

from __future__ import annotations

from kerasnn.errors import quantity
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import class_counts

# The best epoch and the temperature of fewer validation rows are chance.
FEW_ROWS = 30
# A class of a smaller share is seldom likelier than the other one.
RARE = 0.05


def caveats(predictions: Predictions, *, n_validation: int, threshold: str) -> list[str]:
    """Notes beside the scores.

    Args:
        predictions: Predictions of the scored rows.
        n_validation: Number of validation rows.
        threshold: The rule for the decision between two classes.
    """
    found = []
    if n_validation < FEW_ROWS:
        rows = quantity(n_validation, "validation row is", "validation rows are")
        found.append(
            f"{rows} too few to choose the network and to calibrate it reliably: add rows, or "
            "raise `split.validation`"
        )
    if predictions.task in ("binary", "multiclass") and len(predictions):
        counts = class_counts(predictions)
        absent = [f"'{predictions.classes[code]}'" for code in (counts == 0).nonzero()[0]]
        if absent:
            shown = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
            several = f"{len(absent):,} classes have no row here and are" if absent[1:] else ""
            found.append(f"{several or 'A class has no row here and is'} not scored: {shown}")
    if predictions.task == "binary" and threshold == "0.5" and len(predictions):
        counts = class_counts(predictions)
        share = counts.min() / counts.sum()
        if 0 < share < RARE:
            label = predictions.classes[int(counts.argmin())]
            found.append(
                f"{share:.1%} of the rows are '{label}', which is rarely more probable "
                "than 50 %: choose `run.threshold` by f1 or by costs such as fp=1,fn=20 to find more of them"
            )
    return found
