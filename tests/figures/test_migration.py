import numpy as np
import pandas as pd
import pytest

from avvp_lib.features.similarity import cosine_over_time
from avvp_lib.figures.migration import SOURCES, migration_mechanism, migration_source_bars, migration_sweep
from avvp_lib.pseudo_labels.migration import migrate_labels

FEATURES = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
LABELS = np.array([[1, 0], [0, 0], [0, 1]])


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_the_mechanism_shows_what_is_kept_and_frames_what_migrated():
    migration = migrate_labels(FEATURES, LABELS, 0.7, scope="corpus")
    figure = migration_mechanism(cosine_over_time(FEATURES), migration, 0.7, ["Baby_laughter", "Dog"], ["1", "2", "3"])
    similar, kept, before, after = figure.axes
    assert texts(similar) == ["1", ".80", ".00", ".80", "1", ".60", ".00", ".60", "1"]
    assert texts(kept) == ["1", ".80", ".80", "1", "1"]
    assert texts(before) == ["1", "1"]
    assert texts(after) == ["1", ".80", "1"]
    assert len(after.patches) == len(before.patches) + 1 == 7
    assert after.patches[-1].get_xy() == (0.06, 1.06)  # class 0 of the second segment
    assert [label.get_text() for label in after.get_xticklabels()] == ["Baby laughter", "Dog"]


def test_the_mechanism_refuses_names_of_other_segments():
    migration = migrate_labels(FEATURES, LABELS, 0.7, scope="corpus")
    with pytest.raises(ValueError, match="2 segment names and 2 category names do not fit"):
        migration_mechanism(cosine_over_time(FEATURES), migration, 0.7, ["a", "b"], ["1", "2"])


def test_a_sweep_is_drawn_for_each_modality_with_the_chosen_threshold():
    index = pd.Index([0.8, 0.9], name="threshold")
    known = pd.DataFrame({"precision": [40.0, 60.0], "recall": [70.0, 20.0], "share": [50.0, 10.0]}, index)
    unknown = known[["share"]]
    audio, visual = migration_sweep({"audio": known, "visual": unknown}, {"audio": 0.9, "visual": 0.8}).axes
    assert [list(line.get_ydata()) for line in audio.lines[:3]] == [[40, 60], [70, 20], [50, 10]]
    assert audio.lines[3].get_xdata()[0] == 0.9 and texts(audio) == [" 0.9"]
    assert len(visual.lines) == 2 and list(visual.lines[0].get_ydata()) == [50, 10]
    assert len(migration_sweep({"audio": known}).axes[0].lines) == 3


def test_sources_are_stacked_with_the_busiest_class_first():
    columns = ["migrated", *SOURCES]
    audio = pd.DataFrame([[4, 1, 1, 2, 0], [1, 0, 0, 0, 1]], ["Dog", "Baby_cry"], columns)
    visual = pd.DataFrame([[0, 0, 0, 0, 0], [9, 5, 4, 0, 0]], ["Dog", "Baby_cry"], columns)
    left, right = migration_source_bars({"audio": audio, "visual": visual}).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["Baby cry", "Dog"]
    assert [(bar.get_x(), bar.get_width()) for bar in left.patches[1::2]] == [(0, 1), (1, 1), (2, 2), (4, 0)]
    assert [(bar.get_x(), bar.get_width()) for bar in right.patches[::2]] == [(0, 5), (5, 4), (9, 0), (9, 0)]
    assert len(migration_source_bars({"audio": audio, "visual": visual}, most=1).axes[0].patches) == len(SOURCES)
    with pytest.raises(ValueError, match="'audio' was made without a truth"):
        migration_source_bars({"audio": audio.drop(columns="own_right")})
