"""Label migration against a dense float64 reading of EAR's equations, by hand, and by what must hold for any input."""

import numpy as np
import pytest
import torch

from avvp_lib.pseudo_labels.migration import Migration, migrate_labels

TOY = np.array([[1.0, 0.0], [0.8, 0.6], [6.0, 8.0], [0.0, 1.0]], np.float32)  # cosines of neighbours: 0.8, 0.96, 0.8
TOY_LABELS = np.array([[1, 0], [0, 1], [0, 0], [0, 1]])


def dense(features, labels, threshold, same=None):
    """Eq. 1-2 and S-17 to S-21 with whole matrices; `same` (N, N) bool says which pairs may match."""
    features, labels = np.asarray(features, np.float64), np.asarray(labels, np.float64)
    length = np.linalg.norm(features, axis=1)
    unit = features / np.where(length > 0, length, 1)[:, None]
    similarity = unit @ unit.T
    mask = (similarity >= threshold) & (length > 0) & (length > 0)[:, None]
    mask = mask if same is None else mask & same
    written = mask.astype(float) @ labels
    mean = np.divide((similarity * mask) @ labels, written, out=np.zeros_like(written), where=written > 0)
    return np.maximum(mean, labels), written.astype(int)


def pairs(numbers):
    return np.equal.outer(numbers, numbers)


def corpus(number=300, width=16, classes=5, groups=12, seed=0):
    """Clustered features, so that many pairs match; labels on half of the segments; groups of unequal size, not in order."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(10, width))
    cluster = rng.integers(0, 10, number)
    features = centres[cluster] + 0.25 * rng.normal(size=(number, width))
    labels = (rng.random((number, classes)) < 0.2) & (rng.random((number, 1)) < 0.5)
    sizes = rng.dirichlet(np.ones(groups))
    return features.astype(np.float32), labels, rng.choice(groups, number, p=sizes) * 7 - 3


def safe_threshold(features, near):
    """A threshold that no cosine comes close to, so that rounding decides nothing."""
    unit = features / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True).clip(1e-12)
    cosines = np.sort((unit @ unit.T).ravel())
    above = np.searchsorted(cosines, near)
    gaps = np.diff(cosines[above : above + 200])
    widest = int(gaps.argmax())
    assert gaps[widest] > 1e-5
    return float(cosines[above + widest] + gaps[widest] / 2)


def assert_like_dense(migration: Migration, features, labels, threshold, same=None):
    expected, votes = dense(features, labels, threshold, same)
    np.testing.assert_allclose(migration.labels, expected, atol=2e-6)
    np.testing.assert_array_equal(migration.votes, votes)


def test_four_segments_by_hand():
    migration = migrate_labels(TOY, TOY_LABELS, 0.79, scope="corpus")
    # Segment 2, without a label, looks like 1 (0.96) and 3 (0.8): both vote for class 1. 0 and 1 look alike (0.8).
    expected = [[1, 0.8], [0.8, 1], [0, 0.88], [0, 1]]
    np.testing.assert_allclose(migration.labels, expected, atol=1e-6)
    assert migration.votes.tolist() == [[1, 1], [1, 1], [0, 2], [0, 1]]  # a labelled segment votes for itself
    assert migration.migrated.tolist() == [[False, True], [True, False], [False, True], [False, False]]
    assert migration.labels.dtype == torch.float32 and migration.own_votes is None
    higher = migrate_labels(TOY, TOY_LABELS, 0.9, scope="corpus")
    np.testing.assert_allclose(higher.labels, [[1, 0], [0, 1], [0, 0.96], [0, 1]], atol=1e-6)


def test_a_match_is_at_least_the_threshold():
    features, labels = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, -1.0]]), np.array([[1], [0], [1]])
    exactly = float(np.float32(np.sqrt(0.5)))
    assert migrate_labels(features, labels, exactly - 1e-6, scope="corpus").votes.tolist() == [[2], [1], [2]]
    assert migrate_labels(features, labels, exactly + 1e-6, scope="corpus").votes.tolist() == [[1], [0], [1]]
    # Opposite and perpendicular pairs: a cosine of exactly 0 is a match at 0, though the label it brings is 0.
    perpendicular = migrate_labels(np.eye(2), np.array([[1], [0]]), 0, scope="corpus")
    assert perpendicular.votes.tolist() == [[1], [1]] and perpendicular.labels.tolist() == [[1], [0]]
    assert not perpendicular.migrated.any()


@pytest.mark.parametrize("block", [11, 64, 4096])
@pytest.mark.parametrize("near", [0.3, 0.8, 0.95])
def test_corpus_scope_equals_the_dense_oracle(near, block):
    features, labels, _ = corpus()
    threshold = safe_threshold(features, near)
    migration = migrate_labels(features, labels, threshold, scope="corpus", block=block)
    assert migration.migrated.any()
    assert_like_dense(migration, features, labels, threshold)


@pytest.mark.parametrize("scope", ["batch", "video"])
@pytest.mark.parametrize("block", [13, 50, 4096])
def test_groups_of_any_size_and_order_equal_the_dense_oracle(scope, block):
    features, labels, groups = corpus(700)
    threshold = safe_threshold(features, 0.8)
    migration = migrate_labels(features, labels, threshold, scope=scope, groups=groups, block=block)
    assert migration.migrated.any()
    assert_like_dense(migration, features, labels, threshold, pairs(groups))


def test_own_votes_are_those_of_the_same_video():
    features, labels, groups = corpus()
    videos = np.arange(len(features)) // 4
    threshold = safe_threshold(features, 0.8)
    for scope, same in (("batch", pairs(groups)), ("corpus", np.ones((300, 300), bool))):
        wanted = {} if scope == "corpus" else {"groups": groups}
        migration = migrate_labels(features, labels, threshold, scope=scope, videos=videos, block=64, **wanted)
        expected = dense(features, labels, threshold, same & pairs(videos))[1]
        np.testing.assert_array_equal(migration.own_votes, expected)
        assert (migration.own_votes < migration.votes).any()
    within = migrate_labels(features, labels, threshold, scope="video", groups=videos)
    assert torch.equal(within.own_votes, within.votes)


def test_groups_isolate():
    features, labels, groups = corpus()
    threshold = safe_threshold(features, 0.8)
    whole = migrate_labels(features, labels, threshold, groups=groups)
    for group in np.unique(groups):
        rows = groups == group
        alone = migrate_labels(features[rows], labels[rows], threshold, scope="corpus")
        np.testing.assert_allclose(whole.labels[torch.from_numpy(rows)], alone.labels, atol=1e-6)


def test_originals_stay_one_and_soft_labels_are_zero_or_at_least_the_threshold():
    features, labels, _ = corpus()
    for threshold in (0.0, 0.5, 0.9, 0.99, 1.0):
        soft = migrate_labels(features, labels, threshold, scope="corpus").labels
        assert (soft[torch.from_numpy(labels)] == 1).all()
        assert ((soft == 0) | ((soft >= np.float32(threshold)) & (soft <= 1))).all()


def test_nothing_migrates_without_matches_or_without_labels():
    features, labels, groups = corpus()
    assert np.array_equal(migrate_labels(features, labels, 1.0, scope="corpus").labels, labels)
    none = migrate_labels(features, np.zeros_like(labels), 0.5, groups=groups, videos=groups)
    assert not none.labels.any() and not none.votes.any() and not none.own_votes.any()
    assert len(migrate_labels(features[:0], labels[:0], 0.5, scope="corpus").labels) == 0


def test_order_does_not_matter():
    features, labels, groups = corpus()
    threshold = safe_threshold(features, 0.8)
    order = np.random.default_rng(1).permutation(len(features))
    straight = migrate_labels(features, labels, threshold, groups=groups, videos=groups)
    shuffled = migrate_labels(features[order], labels[order], threshold, groups=groups[order], videos=groups[order])
    np.testing.assert_allclose(shuffled.labels, straight.labels[order], atol=1e-6)
    assert torch.equal(shuffled.votes, straight.votes[order])
    assert torch.equal(shuffled.own_votes, straight.own_votes[order])


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_padding_neither_votes_nor_receives(threshold):
    features = np.vstack([TOY, np.zeros((3, 2), np.float32)])
    labels = np.vstack([TOY_LABELS, [[1, 1], [0, 0], [1, 0]]])  # labels on padding: wrong, and still no votes
    migration = migrate_labels(features, labels, threshold, scope="corpus")
    alone = migrate_labels(TOY, TOY_LABELS, threshold, scope="corpus")
    np.testing.assert_allclose(migration.labels[:4], alone.labels)
    assert torch.equal(migration.votes[:4], alone.votes)
    assert migration.labels[4:].tolist() == [[1, 1], [0, 0], [1, 0]] and not migration.votes[4:].any()
    assert_like_dense(migration, features, labels, threshold)


def test_length_does_not_matter_even_where_squares_overflow_or_vanish():
    lengths = np.array([[1e-30], [1e30], [3.0], [1e25]], np.float32)
    for threshold in (0.79, 0.9):
        scaled = migrate_labels(TOY * lengths, TOY_LABELS, threshold, scope="corpus")
        np.testing.assert_allclose(
            scaled.labels, migrate_labels(TOY, TOY_LABELS, threshold, scope="corpus").labels, atol=1e-6
        )


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions_and_label_types(kind):
    features, labels, groups = corpus()
    features = torch.from_numpy(features).to(kind)
    threshold = safe_threshold(features.float().numpy(), 0.8)
    for typed in (labels, labels.astype(np.int64), labels.astype(np.float32)):
        migration = migrate_labels(features, torch.from_numpy(typed), threshold, groups=groups)
        assert_like_dense(migration, features.float(), labels, threshold, pairs(groups))


def test_mixed_precision_around_it_changes_nothing():
    features, labels, _ = corpus(width=64)
    threshold = safe_threshold(features, 0.8)
    plain = migrate_labels(features, labels, threshold, scope="corpus")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            assert (torch.eye(2) @ torch.eye(2)).dtype == torch.bfloat16
            mixed = migrate_labels(features, labels, threshold, scope="corpus")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.equal(mixed.labels, plain.labels) and torch.equal(mixed.votes, plain.votes)


def test_inputs_are_left_as_they_were_and_need_no_gradient():
    features, labels = torch.tensor(TOY, requires_grad=True), torch.tensor(TOY_LABELS, dtype=torch.float32)
    migration = migrate_labels(features, labels, 0.79, scope="corpus")
    assert not migration.labels.requires_grad
    assert labels.tolist() == TOY_LABELS.tolist() and np.array_equal(features.detach(), TOY)
    frozen = TOY.copy()
    frozen.flags.writeable = False  # as a memory-mapped bank is
    assert torch.equal(migrate_labels(frozen, labels, 0.79, scope="corpus").labels, migration.labels)


def test_a_tile_never_exceeds_the_block(monkeypatch):
    """Memory is bounded by the tile, so no matrix of cosines may be larger."""
    from avvp_lib.pseudo_labels import migration as module

    sizes = []
    unit = module._unit
    monkeypatch.setattr(module, "_unit", lambda f, size, rows: sizes.append(len(rows)) or unit(f, size, rows))
    features, labels, groups = corpus(700)
    migrate_labels(features, labels, 0.8, scope="corpus", block=100)
    migrate_labels(features, labels, 0.8, groups=groups, block=100)
    assert max(sizes) == 100


@pytest.mark.parametrize("threshold", [-0.1, 1.01, float("nan")])
def test_thresholds_outside_zero_to_one_are_refused(threshold):
    with pytest.raises(ValueError, match=r"threshold is .*between 0 and 1"):
        migrate_labels(TOY, TOY_LABELS, threshold, scope="corpus")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": TOY.reshape(2, 2, 2)}, "features are .*flatten"),
        ({"features": TOY.astype(int)}, "features are .*int64"),
        ({"features": np.where(TOY == 0.6, np.nan, TOY).astype(np.float32)}, "features of segment 1 hold a NaN"),
        ({"features": np.where(TOY == 8, np.inf, TOY).astype(np.float32)}, "features of segment 2 hold"),
        ({"features": TOY[:, :0]}, "width of 0"),
        ({"labels": TOY_LABELS[:3]}, r"labels are \(3, 2\) int64; .*\(4, C\)"),
        ({"labels": TOY_LABELS[:, 0]}, "labels are"),
        ({"labels": TOY_LABELS * 0.5}, "labels of segment 0 are not all 0 or 1"),
        ({"labels": np.full((4, 2), np.nan)}, "labels of segment 0"),
        ({"scope": "all"}, "scope is 'all'; it must be one of batch, video, corpus"),
        ({"scope": "batch"}, "scope 'batch' needs groups"),
        ({"scope": "video"}, "scope 'video' needs groups"),
        ({"groups": np.zeros(4, int)}, "scope 'corpus' takes no groups"),
        ({"scope": "batch", "groups": np.zeros(3, int)}, r"groups are \(3,\) int64; they must be 4 integers"),
        ({"scope": "batch", "groups": np.zeros(4)}, "groups are .*float64"),
        ({"videos": np.zeros((4, 1), int)}, "videos are"),
        ({"block": 0}, "block is 0"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"features": TOY, "labels": TOY_LABELS, "threshold": 0.5, "scope": "corpus"} | change
    with pytest.raises(ValueError, match=message):
        migrate_labels(**arguments)
