import re

import pandas as pd
import pytest
import typst
from pypdf import PdfReader

from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.publish.blocks import (
    RECORDS,
    figure,
    finding,
    kpis,
    page_one,
    prose,
    provenance,
    quotes,
    table,
    tagged,
    unknown,
)
from analytics.publish.figures import plot_series
from analytics.publish.format import clean_text
from analytics.publish.html import block_html
from analytics.publish.pdf import Cover, compile_pdf, flow, lay_out

SHARE = Estimate(0.62, 0.58, 0.66, 1204, "share", SAID)
UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"), 0, "share", SAID)
COVER = Cover("Customer perception", "Acme Telecom", "March 2025")
POINTS = pd.DataFrame({"period": ["2025-01", "2025-02"], "value": [8.0, 3], "low": [2.0, -3], "high": [14.0, 9]})


def markdown(text):
    return {"kind": "markdown", "text": text}


def story(length=1):
    said = "Waiting is what customers name first, and nobody can say yet whether that has changed. " * length
    return page_one(
        finding(said, [SHARE], "no change"), {"Satisfied": SHARE, "Silent": UNDEFINED},
        {"What matters most": [said, tagged(finding(said), places=["depth"])], "Who may leave": said,
         "What we do not know": unknown(said, settle="Ask them.")}, notes={"Silent": "not asked"}, basis=said,
        trend=figure(
            plot_series(POINTS, height=1.6), alt="Two months.", caption="No change", source=SAID, n=2, people=40
        ),
    )  # fmt: skip


def every_block():
    frame = pd.DataFrame({"team": ["North", None], "value": [0.62, None], "low": [0.58, None], "high": [0.66, None]})
    frame = frame.assign(unit="share", n=[1204, 0])
    long = pd.DataFrame({"row": range(150), "share": [None, 0.5] * 75})
    return [
        markdown("# Ignored title\n\nOnly for the notebook's reader."),
        story().as_json(),
        markdown(
            "## Deep heading\n\nSome *prose* of **the** `author`, <b>raw</b>.\n\n- one\n- two\n\n1. first\n\n> said"
        ),
        kpis({"Satisfied": SHARE, "Nobody": UNDEFINED}).as_json(),
        finding("62 % are satisfied.", [SHARE], "no change").as_json(),
        unknown("Not known.", settle="Ask.").as_json(),
        figure(plot_series(POINTS), alt="Two months.", caption="No change", source=SAID, n=2, people=40).as_json(),
        table(frame, caption="By team", source=[SAID, OBSERVED], n=1204, people="n").as_json(),
        table(long, caption="Many rows", source=OBSERVED, n=150, people=RECORDS, formats={"share": "share"}).as_json(),
        quotes(["Nobody called."], caption="On waiting", n=1, contexts=["phone"]).as_json(),
        prose("Closing **words**.").as_json(),
        markdown("## Provenance"),
        provenance(pd.DataFrame({"table": ["surveys"], "sha256": ["ab" * 32], "rows": [1204]})).as_json(),
    ]


def build(tmp_path, blocks, cover=COVER, **options):
    path = tmp_path / "report.pdf"
    compile_pdf(blocks, path, cover, **options)
    return PdfReader(path)


def text_of(reader):
    """All text, break points taken out."""
    return "\n".join(page.extract_text() for page in reader.pages).replace("\u200b", "")


@pytest.fixture(scope="module", params=["a4", "us-letter"])
def reader(request, tmp_path_factory):
    return build(tmp_path_factory.mktemp("pdf"), every_block(), paper=request.param), request.param


def test_the_file_says_its_title_language_author_and_conformance(reader):
    pdf, _ = reader
    assert pdf.metadata.title == "Customer perception · Acme Telecom · March 2025"
    assert pdf.metadata.author == "Acme Telecom"
    root = pdf.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert b"pdfuaid:part" in root["/Metadata"].get_data()


def test_pages_have_the_paper_asked_for_and_are_numbered(reader):
    pdf, paper = reader
    for number, page in enumerate(pdf.pages, start=1):
        size = (round(float(page.mediabox.width)), round(float(page.mediabox.height)))
        assert size == {"a4": (595, 842), "us-letter": (612, 792)}[paper]
        assert f"Page {number} of {len(pdf.pages)}" in page.extract_text()


def test_every_page_after_the_first_names_organisation_report_and_period(reader):
    pdf, _ = reader
    for page in pdf.pages[1:]:
        assert "Acme Telecom · Customer perception" in page.extract_text()
        assert "March 2025" in page.extract_text()


def test_page_one_holds_the_whole_story_and_nothing_else(reader):
    pdf, _ = reader
    first, second = pdf.pages[0].extract_text(), pdf.pages[1].extract_text()
    for words in ("What matters most", "Who may leave", "What we do not know", "Ask them"):
        assert words in first
    assert "Deep heading" in second
    assert "notebook's reader" not in text_of(pdf)


def test_a_finding_of_page_one_names_the_page_of_its_section_wherever_that_stands(tmp_path):
    blocks = [story().as_json(), markdown("## First"), prose("word " * 1_500).as_json(), markdown("## Depth")]
    blocks.append(tagged(finding("62 % (58–66) are satisfied.", [SHARE]), anchor="depth").as_json())
    pdf = build(tmp_path, blocks)
    place = next(i for i, page in enumerate(pdf.pages, start=1) if "Depth" in page.extract_text())
    assert place > 2
    assert pdf.pages[0].extract_text().count(f"Page {place}\n") == 1


def test_a_finding_of_page_one_names_its_own_page_before_that_of_its_section(tmp_path):
    said = finding("Waiting is what customers name.", key="problem:waiting")
    page = page_one("No change.", {}, {"What matters most": tagged(said, places=["problem-waiting", "depth"])})
    blocks = [
        page.as_json(),
        markdown("## Depth"),
        tagged(prose("word " * 1_500), anchor="depth").as_json(),
        said.as_json(),
    ]
    pdf = build(tmp_path, blocks)
    place = next(i for i, page in enumerate(pdf.pages[1:], start=2) if "Waiting is what" in page.extract_text())
    assert place > 2 and f"Page {place}\n" in pdf.pages[0].extract_text()
    assert 'id="at-problem-waiting"' in block_html(said.as_json()) and 'href="#at-problem-waiting"' in block_html(
        blocks[0]
    )


def test_under_the_heading_that_says_it_nothing_repeats_that_we_do_not_know(tmp_path):
    page, open_end = (
        page_one("No change.", {}, {"What matters most": "Nothing."}),
        unknown("Why they left is not known."),
    )
    text = (
        build(tmp_path, [page.as_json(), markdown("## What we do not know"), open_end.as_json()])
        .pages[1]
        .extract_text()
    )
    assert "Why they left" in text and text.lower().count("we do not know") == 1


def test_what_stands_elsewhere_is_left_out_of_the_pages_with_the_heading_that_it_leaves_alone():
    open_end = unknown("Why they left is not known.").as_json()
    appendix = tagged(finding("Only for analysts."), appendix=True, anchor="b").as_json()
    blocks = [story().as_json(), markdown("## A"), open_end, markdown("## B"), appendix, markdown("## C"), open_end]
    laid = lay_out(blocks, "Title")
    assert [piece["kind"] for piece in laid] == ["page_one", "flow", "unknowns"]
    assert laid[1]["nodes"][0]["children"][0]["text"] == "C"
    assert [piece["kind"] for piece in lay_out(blocks[1:5], "Title")] == [
        "title",
        "flow",
        "unknowns",
        "flow",
        "finding",
    ]


def test_the_chart_of_page_one_is_not_drawn_again(tmp_path):
    once = story().data["trend"] | {"kind": "figure"}
    other = once | {"caption": "Another chart"}
    pdf = build(tmp_path, [story().as_json(), markdown("## Next"), once, other])
    assert text_of(pdf).count("No change\n") == 1
    assert "Another chart" in text_of(pdf)


@pytest.mark.parametrize("before", range(2, 30, 3))
def test_text_fills_a_page_before_a_chart_that_does_not_fit_on_it(tmp_path, monkeypatch, before):
    warnings = []

    def compiled(*args, **options):
        pdf, found = typst.compile_with_warnings(*args, **options)
        warnings.extend(found)  # such as that places of charts never settle
        return pdf

    monkeypatch.setattr(typst, "compile", compiled)
    lines = [finding(f"Line {i:03} says what it says.").as_json() for i in range(100)]
    charts = [story().data["trend"] | {"kind": "figure", "caption": f"Chart {i}"} for i in range(3)]
    rest = [*lines[:before], charts[0], *lines[before : before + 9], *charts[1:], *lines[before + 9 :]]
    pages = build(tmp_path, [story().as_json(), markdown("## Next"), *rest]).pages
    text = "\n".join(page.extract_text() for page in pages)
    assert not warnings and all(text.count(f"Chart {i}\n") == 1 for i in range(3))
    assert sorted(found := re.findall(r"Line \d+", text)) == found, "text stays in order"
    for page in list(pages)[1:-1]:
        heights = []
        page.extract_text(
            visitor_text=lambda piece, cm, _, *font, to=heights: (
                to.append(cm[5]) if "says" in piece or "Said" in piece else 0
            )
        )
        assert min(heights) < 24 / 25.4 * 72 + 40, "less than two lines are left at the foot"


def test_every_font_is_embedded_and_is_one_of_ours(reader):
    pdf, _ = reader
    for page in pdf.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            assert {"/FontFile2", "/FontFile3"} & set(descriptor)
            assert re.search("FiraSans|DejaVuSans", descriptor["/FontName"])


def test_headings_are_bookmarks(reader):
    pdf, _ = reader
    titles = [entry.title for entry in pdf.outline if not isinstance(entry, list)]
    assert titles[-2:] == ["Deep heading", "Provenance"]


def test_table_headings_are_repeated_on_every_page_of_a_long_table(reader):
    pdf, _ = reader
    with_rows = [page.extract_text() for page in pdf.pages if len(re.findall(r"not known", page.extract_text())) > 5]
    assert len(with_rows) > 2
    assert all("Row" in text and "Share" in text for text in with_rows)


def test_nothing_technical_reaches_the_page(reader):
    pdf, _ = reader
    text = text_of(pdf)
    assert "not known" in text
    assert not re.search(r"\bnan\b|\bNone\b|Traceback|object at 0x|Styler", text, re.IGNORECASE)
    assert "<b>raw</b>" in text  # the author's HTML is text as well


def test_chart_text_is_selectable(reader):
    pdf, _ = reader
    assert "2025-02" in text_of(pdf)


@pytest.mark.parametrize("length", [1, 3, 5])
def test_page_one_stays_one_page_however_much_there_is_to_say(tmp_path, length):
    pdf = build(tmp_path, [story(length).as_json(), markdown("## Next\n\nText.")])
    assert len(pdf.pages) == 2
    assert "What we do not know" in pdf.pages[0].extract_text()


def test_a_page_one_too_long_for_any_size_flows_on_and_loses_nothing(tmp_path):
    pdf = build(tmp_path, [story(40).as_json(), markdown("## Next\n\nText.")])
    assert len(pdf.pages) > 2
    assert text_of(pdf).count("nobody") == 40 * 6


def test_page_one_comes_first_wherever_its_cell_stands():
    sections = [
        markdown("# Title\n\nOpening."),
        markdown("## First"),
        unknown("?").as_json(),
        markdown("## Second\n\nText."),
    ]
    laid = lay_out([*sections, story().as_json()], "Title")
    assert [b["kind"] for b in laid] == ["page_one", "flow", "unknowns", "flow"]
    laid = lay_out([markdown("# Title\n\n## First\n\nKept."), story().as_json()], "Title")
    assert [n["type"] for n in laid[1]["nodes"]] == ["heading", "paragraph"]


def test_a_report_without_page_one_starts_with_its_title(tmp_path):
    pdf = build(tmp_path, [markdown("# Who answered\n\nA question."), markdown("## Response"), unknown("?").as_json()])
    assert pdf.pages[0].extract_text().count("Customer perception") >= 2  # header and title
    assert "A question." in text_of(pdf)


def test_the_same_blocks_give_the_same_bytes(tmp_path):
    compile_pdf(every_block(), tmp_path / "one.pdf", COVER)
    compile_pdf(every_block(), tmp_path / "two.pdf", COVER)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()


def test_an_unknown_paper_is_refused(tmp_path):
    with pytest.raises(ValueError, match="paper 'a5' is not known. Expected one of: a4, us-letter"):
        build(tmp_path, [], paper="a5")


def test_every_hostile_text_is_data_in_every_place_of_the_report(tmp_path, payloads):
    short = [text for text in payloads if len(text) < 100]
    frame = pd.DataFrame({"text": pd.Series(short, dtype="object")})
    blocks = [block for text in short for block in (finding(text), unknown(text, settle=text), prose(text))]
    blocks += [kpis({text: SHARE}, {text: text}) for text in short]
    blocks += [quotes(short, caption=short[0], n=32, contexts=short), provenance(frame, frame, frame)]
    blocks += [page_one(payloads[0], {}, {payloads[1]: payloads[8], payloads[12]: "?"})]
    pdf = build(tmp_path, [*(b.as_json() for b in blocks[:-1]), *map(markdown, short)])
    assert build(tmp_path, [blocks[-1].as_json()]).pages[0].extract_text().count("alert('x')") == 1
    squeezed = re.sub(r"\s", "", text_of(pdf))
    for text in short:
        if text.isascii() and text.isprintable():
            assert re.sub(r"\s", "", text) in squeezed


def test_hostile_notebook_reaches_paper_whole(hostile, payloads):
    pdf = PdfReader(hostile.pdf)
    text = text_of(pdf)
    squeezed = re.sub(r"\s", "", text)
    for payload in payloads:
        if payload.isascii() and payload.isprintable() and len(payload) < 100:
            assert squeezed.count(re.sub(r"\s", "", payload)) >= 2  # quote and table cell
    assert text.count("w" * 12) >= 3 * (5000 // 12)  # quote, its label and the table cell
    assert "\ufffd" in text
    assert "[pile of poo]" in text
    assert not re.search(r"\bnan\b|Traceback|object at 0x|Styler", text, re.IGNORECASE)
    assert "The first 200 of 10,000 rows are shown." in text


def test_no_line_of_a_hostile_report_leaves_the_page(hostile):
    pdf = PdfReader(hostile.pdf)
    starts = []
    for page in pdf.pages:
        page.extract_text(visitor_text=lambda text, cm, tm, font, size: starts.append((tm[4], len(text), size)))
    width = float(pdf.pages[0].mediabox.width)
    for x, letters, size in starts:
        assert x >= 0
        # a letter of the face is at least 0.2 of its size wide: an unbroken line of 5,000 would be far over
        assert x + min(letters, 1) * size * 0.2 <= width
    assert max(letters for _, letters, _ in starts) < 400


def test_a_hostile_report_is_safe_as_html(hostile):
    page = (hostile.folder / "report.html").read_text()
    assert "Content-Security-Policy" in page
    assert not re.search(r"<(script|link|iframe|img|h1>out)", page)
    assert "&lt;script&gt;alert('x')&lt;/script&gt;" in page


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("two\n\n lines\t ", "two lines"),
        ("nul\x00", "nul\ufffd"),
        ("turn\u202eabc", "turn\ufffdabc"),
        ("漢字", "\ufffd\ufffd"),
        ("\N{PILE OF POO}", "[pile of poo]"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("الخدمة", "الخدمة"),
        ("£ € → ≤ é ł ж Ω", "£ € → ≤ é ł ж Ω"),
        ("x" * 30, "xxxxxxxxxxxx\u200bxxxxxxxxxxxx\u200bxxxxxx"),
        ("x" * 25, "x" * 25),
    ],
)
def test_text_is_cleaned_for_the_fonts_at_hand(text, clean):
    assert clean_text(text) == clean


def test_markdown_of_the_author_becomes_plain_nodes():
    nodes, depth = flow("### Three\n\nSee [us](https://example.org) and [bad](javascript:x).\n\n<div>raw</div>", 0)
    assert depth == 1
    assert nodes[0] == {"type": "heading", "level": 1, "children": [{"type": "text", "text": "Three"}]}
    assert [n["type"] for n in nodes[1]["children"]] == ["text", "link", "text", "text", "text"]
    assert nodes[2] == {"type": "code", "rows": ["<div>raw</div>"]}


def test_heading_levels_never_jump_as_ua_asks():
    blocks = lay_out([markdown("## A\n\n##### B\n\n##### C\n\n## D")], "t")
    assert [n["level"] for n in blocks[1]["nodes"]] == [1, 2, 3, 1]
