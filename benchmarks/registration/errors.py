"""How errors at points are summed up and printed."""

import numpy as np

NEAR_MM = 2.0


def summary(errors: np.ndarray) -> str:
    """Mean, 95 % quantile, maximum in mm and the part under 2 mm, as cells of a table."""
    if not len(errors):
        return "- | - | - | -"
    near = 100 * float((errors < NEAR_MM).mean())
    return f"{errors.mean():.2f} | {np.percentile(errors, 95):.2f} | {errors.max():.2f} | {near:.0f} %"


SUMMARY_HEAD = "mean mm | p95 | max | < 2 mm"


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(np.asarray(first) - np.asarray(second), axis=1))
