import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest

from analytics.measures.estimate import SAID
from analytics.publish.blocks import figure
from analytics.publish.figures import FONTS, STYLE, draw, plot_intervals, plot_series, plot_sides, styled
from analytics.publish.html import ACCENT

POINTS = pd.DataFrame(
    {
        "period": [f"2025-{m:02d}" for m in range(1, 7)],
        "value": [8.0, 5, 9, np.nan, 7, 3],
        "low": [2.0, -1, 3, np.nan, 1, -3],
        "high": [14.0, 11, 15, np.nan, 13, 9],
    }
)
GROUPS = pd.DataFrame(
    {
        "team": ["North", "costs $5 & <b>", "Silent"],
        "value": [0.62, 0.31, np.nan], "low": [0.58, 0.27, np.nan], "high": [0.66, 0.35, np.nan],
        "n": [1204, 642, 0], "unit": "share",
    }
)  # fmt: skip


def words(fig):
    """Everything written in a drawing, which must be readable XML."""
    root = ElementTree.fromstring(draw(fig)[0].encode())
    return [text for text in ("".join(e.itertext()).strip() for e in root.iter() if e.tag.endswith("}text")) if text]


def test_a_series_writes_its_latest_value_with_the_interval():
    assert "+3 (−3 to +9)" in words(plot_series(POINTS))


def test_a_series_names_its_usual_range_only_where_limits_are_given():
    limits = pd.DataFrame({"mean": [6.0] * 6, "low limit": [-2.0] * 6, "high limit": [14.0] * 6})
    assert "usual range" in words(plot_series(POINTS, limits=limits))
    assert "usual range" not in words(plot_series(POINTS))


def test_what_is_usual_of_a_share_ends_where_shares_do():
    shares = POINTS.assign(value=0.9, low=0.8, high=1.0)
    fig = plot_series(
        shares, unit="share", limits=pd.DataFrame({"mean": [0.9] * 6, "low limit": 0.6, "high limit": 1.3})
    )
    assert fig.axes[0].dataLim.y1 == 100


def test_what_was_done_stands_on_the_chart_at_its_period():
    period = POINTS["period"].iloc[-1]
    assert "Booked slots" in words(plot_series(POINTS, marks={period: "Booked slots", "1999-01": "long ago"}))
    assert "long ago" not in words(plot_series(POINTS, marks={"1999-01": "long ago", period: ""}))


@pytest.mark.parametrize("rows", [0, 1, 2, 40])
def test_a_series_of_any_length_is_drawn(rows):
    points = pd.concat([POINTS] * 7, ignore_index=True).head(rows)
    assert len([w for w in words(plot_series(points)) if w.startswith("2025")]) == min(rows, 8)


def test_a_series_without_any_value_is_an_empty_frame_and_no_error():
    assert "2025-06" in words(plot_series(POINTS.assign(value=np.nan, low=np.nan, high=np.nan)))


def test_groups_are_written_largest_first_with_interval_and_n():
    said = words(plot_intervals(GROUPS, by="team", reference=0.5))
    assert {"62 % (58–66)", "n = 1,204", "not known", "n = 0", "no difference: 50 %"} <= set(said)
    assert said.index("North") > said.index("costs $5 & <b>") > said.index("Silent")  # drawn from the bottom up


def test_groups_that_nobody_answered_are_drawn_as_not_known():
    assert "not known" in words(plot_intervals(GROUPS.tail(1), by="team"))


def sides(frame, names):
    thanks = frame[["value", "low", "high"]].add_suffix("_thank")
    return plot_sides(frame.join(thanks).assign(blame=names, thank=names), heads=("blame", "thanks"))


def test_blame_stands_to_the_left_and_thanks_to_the_right_each_with_its_interval():
    fig = sides(GROUPS, GROUPS["team"])
    left, right = (points.get_offsets()[:, 0] for points in fig.axes[0].collections[1::2])
    assert np.nanmax(left) < 0 < np.nanmin(right)
    assert words(fig).count("62 % (58–66)") == words(fig).count("not known") == 2
    assert {"blame", "thanks"} <= set(words(fig))


def by_team(frame):
    return plot_intervals(frame, by="team")


def back_to_back(frame):
    return sides(frame, frame["team"])


@pytest.mark.parametrize("plot", [by_team, back_to_back])
def test_a_hostile_label_stays_text(payloads, plot):
    labels = pd.Series(payloads, dtype="object")
    frame = pd.DataFrame({"team": labels, "value": 0.5, "low": 0.4, "high": 0.6, "n": 10, "unit": "share"})
    said = words(plot(frame))
    assert {"costs $5 and $6, $$", "<script>alert('x')</script>", "nul\ufffdin the middle"} <= set(said)


def test_the_same_data_draw_the_same_bytes():
    assert draw(plot_series(POINTS)) == draw(plot_series(POINTS))
    assert "<dc:date>" not in draw(plot_series(POINTS))[0]


def test_the_last_bits_of_a_place_change_no_byte():
    def drawing(nudge):
        fig = plot_series(POINTS)
        fig.set_layout_engine(None)
        left, bottom, width, height = fig.axes[0].get_position().bounds
        fig.axes[0].set_position((left + nudge, bottom, width, height))
        return draw(fig)

    assert drawing(0.0) == drawing(1e-12)


def test_text_is_text_in_the_report_face_for_the_pdf_and_shapes_for_the_screen():
    fig = plot_series(POINTS)
    assert re.search(r"<text[^>]*Fira Sans", draw(fig)[0])
    assert "<text" not in draw(fig)[1]


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    draw(plot_series(POINTS))
    assert dict(matplotlib.rcParams) == before


def test_charts_drawn_by_hand_can_take_the_style():
    @styled()
    def face():
        return matplotlib.rcParams["font.family"], matplotlib.font_manager.findfont("Fira Sans")

    before = matplotlib.rcParams["font.family"]
    assert face()[0] == STYLE["font.family"]
    assert face()[1].startswith(str(FONTS))
    assert matplotlib.rcParams["font.family"] == before


def test_accent_and_greys_differ_in_lightness_so_that_a_chart_reads_in_grey():
    def lightness(colour):
        return float(np.dot(matplotlib.colors.to_rgb(colour), (0.299, 0.587, 0.114)))

    assert lightness("#c3cad0") - lightness(ACCENT) > 0.4
    assert lightness("#98a2ab") - lightness(ACCENT) > 0.25


def test_the_vendored_face_comes_with_its_licence():
    assert "SIL OPEN FONT LICENSE" in (FONTS / "OFL.txt").read_text()
    assert sorted(p.name for p in FONTS.glob("*.ttf")) == [
        "FiraSans-Regular.ttf", "FiraSans-SemiBold.ttf",
    ]  # fmt: skip


@pytest.mark.parametrize(("alt", "caption", "missing"), [("", "c", "alt"), ("a", " ", "caption")])
def test_a_figure_without_alt_text_or_finding_is_refused(alt, caption, missing):
    with pytest.raises(ValueError, match=f"figure needs {missing}="):
        figure(plot_series(POINTS), alt=alt, caption=caption, source=SAID, n=6, people=60)
