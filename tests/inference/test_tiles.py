from hypothesis import given
from hypothesis import strategies as st

from translate.inference.tiles import round_up, spans


@given(
    cells=st.integers(1, 400),
    tile=st.integers(1, 200),
    radius=st.integers(0, 60),
    multiple=st.sampled_from([1, 2, 4, 7, 32]),
)
def test_windows_cover_each_pixel_once_with_full_context(cells: int, tile: int, radius: int, multiple: int):
    side = cells * multiple
    windows = spans(side, tile, radius, multiple)
    assert [p for w in windows for p in range(w.first, w.last)] == list(range(side))
    assert len({w.stop - w.start for w in windows}) == 1, "one shape"
    for w in windows:
        assert 0 <= w.start <= w.first < w.last <= w.stop <= side
        assert w.start % multiple == w.stop % multiple == 0
        assert w.start == 0 or w.first - w.start >= radius
        assert w.stop == side or w.stop - w.last >= radius


@given(cells=st.integers(1, 400), tile=st.integers(1, 200), radius=st.integers(0, 60))
def test_no_window_is_larger_than_asked_for(cells: int, tile: int, radius: int):
    assert all(
        w.stop - w.start <= round_up(tile, 4) + 2 * round_up(radius, 4) for w in spans(cells * 4, tile, radius, 4)
    )


def test_a_side_within_the_tile_is_one_window():
    assert spans(512, 512, 40) == [(0, 512, 0, 512)]


def test_a_side_just_above_the_limit_is_not_computed_twice():
    computed = sum(w.stop - w.start for w in spans(600, 512, 40))
    assert computed < 600 + 100
