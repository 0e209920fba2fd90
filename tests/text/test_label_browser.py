"""Notebooks in JupyterLab, driven once each in a real Chromium through chromedriver's WebDriver interface."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from analytics.text.readings import text_hash
from tests.browsing import wait_for

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
HOSTILE = "<b id='planted'>Awful</b> <script>document.title='owned'</script> & never again"
COMMENTS = [HOSTILE, "Lovely staff, thank you", "It arrived on Tuesday", "Still waiting for my refund"]


@pytest.fixture
def sitting(tmp_path):
    """A folder with a tiny organisation and the notebooks, their parameters set to it."""
    frame = pd.DataFrame({"response_id": list("abcd"), "responded_at": "2025-03-05", "comment": COMMENTS})
    frame.assign(nps=[1, 10, 7, 3]).to_csv(tmp_path / "surveys.csv", index=False)
    toml = "[organisation]\nname = 'Acme'\n[sources.surveys]\npath = 'surveys.csv'\n"
    (tmp_path / "perception.toml").write_text(toml)
    for name in ("label_texts", "explore_comments", "start_here"):
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
        cell.source += "\nperiod, config, labeller, count = '2025-03', 'perception.toml', 'Ann', 4"
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    return tmp_path


@pytest.fixture
def lab(sitting):
    """JupyterLab on the loopback interface, with settings and runtime files of its own; yields address and token."""
    own = sitting / "jupyter"
    settings = own / "lab" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    folders = {f"JUPYTER_{name}_DIR": str(own / name.lower()) for name in ("CONFIG", "RUNTIME", "DATA")}
    environment = {
        **os.environ,
        **folders,
        "JUPYTERLAB_SETTINGS_DIR": str(own / "lab"),
        "IPYTHONDIR": str(own / "ipython"),
    }
    environment |= {"JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    command += [f"--ServerApp.root_dir={sitting}", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
    with (sitting / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=sitting, env=environment, stdout=log, stderr=log)
    try:
        running = own / "runtime"
        info = wait_for(
            lambda: next((p for p in running.glob("jpserver-*.json") if p.stat().st_size), None), "JupyterLab's start"
        )
        yield json.loads(info.read_text())
    finally:
        server.terminate()
        server.wait(30)


SHOWN = "return document.querySelector('.widget-html div[dir=auto]')?.textContent"
CLIPPED = """
const clipped = e => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1;
return [...document.querySelectorAll('button.jupyter-button')].filter(clipped).map(e => e.textContent)"""


def run_all(browser, lab, name):
    """Open a notebook and run its cells."""
    browser.open(f"{lab['url']}lab/tree/{name}.ipynb?token={lab['token']}&reset")
    ready = "return !!document.querySelector('.jp-Notebook') && !!window.jupyterapp"
    wait_for(lambda: browser.run(ready), "the notebook")
    start = (
        "const app = window.jupyterapp; const panel = app.shell.currentWidget;"
        "if (!panel?.sessionContext?.session?.kernel) return false;"
        "app.commands.execute('notebook:run-all-cells'); return true"
    )
    wait_for(lambda: browser.run(start), "a kernel")


def test_clicks_in_jupyterlab_are_saved_and_undone_and_customers_text_stays_text(browser, sitting, lab):
    file = sitting / "data" / "derived" / "labels" / "acme.csv"
    run_all(browser, lab, "label_texts")
    first = wait_for(lambda: browser.run(SHOWN), "the first text")
    labels, shown = {}, first
    for button in ("Negative", "Neutral", "Skip"):
        labels[text_hash(shown)] = button
        browser.click("waiting")
        time.sleep(0.5)  # a faster click counts as the second half of a double click
        browser.click(button)
        before, shown = shown, wait_for(lambda old=shown: (new := browser.run(SHOWN)) != old and new, "the next text")
    assert file.read_text(encoding="utf-8").count("\n") == 4
    browser.run("document.querySelector('button.jupyter-button').scrollIntoView({block: 'center'})")
    browser.screenshot(sitting / "labelling.png")
    assert browser.run(CLIPPED) == []

    time.sleep(0.5)
    browser.click("Undo")
    assert wait_for(lambda: browser.run(SHOWN) == before and before, "the text taken back") == before
    del labels[text_hash(before)]
    assert browser.run("return document.querySelector('#planted') === null && document.title !== 'owned'")

    rows = pd.read_csv(file)
    assert dict(zip(rows["text_hash"], rows["sentiment"].str.title(), strict=True)) == labels
    assert set(rows["labeller"]) == {"Ann"} and set(rows["blame"]) == {"waiting"}
    assert {*labels, text_hash(before), text_hash(shown)} <= {text_hash(comment) for comment in COMMENTS}
    assert "refund" not in file.read_text(encoding="utf-8")


FOUND = "return document.querySelector('.widget-html h3')?.textContent"


def test_the_explorer_in_jupyterlab_counts_corrects_and_keeps_customers_text_as_text(browser, sitting, lab):
    run_all(browser, lab, "explore_comments")
    assert wait_for(lambda: browser.run(FOUND), "the texts").startswith("4 texts")
    browser.run("document.querySelector('.widget-html h3').scrollIntoView()")
    assert browser.run(CLIPPED) == []
    browser.click("Correct")
    browser.type("your name", "Ann\ue007")  # the code of Enter
    browser.click("waiting")
    browser.screenshot(sitting / "exploring.png")
    time.sleep(0.5)
    browser.click("Negative")
    file = sitting / "data" / "derived" / "labels" / "acme.csv"
    wait_for(file.exists, "the correction")
    (row,) = pd.read_csv(file).to_dict("records")
    assert (row["drawn"], row["blame"], row["sentiment"]) == ("corrected", "waiting", "negative")
    browser.click("Save as CSV")
    wait_for(lambda: [*(sitting / "data" / "derived" / "comments").glob("2025-03-*.csv")] or None, "the kept file")
    assert browser.run("return document.querySelector('#planted') === null && document.title !== 'owned'")


def test_start_here_leads_on_and_shows_what_a_measure_says(browser, sitting, lab):
    run_all(browser, lab, "start_here")
    figure = "return JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.toJSON().cells)"
    wait_for(lambda: "Shares of problems" in browser.run(figure), "what its last cell shows")
    browser.run("document.querySelector('.jp-Notebook table').scrollIntoView()")
    browser.screenshot(sitting / "start.png")
    assert "Estimate(" in browser.run(figure) and '"output_type":"error"' not in browser.run(figure)
    links = browser.run("return [...document.querySelectorAll('.jp-Notebook table a')].map(e => e.textContent)")
    assert set(links) == {path.stem for path in NOTEBOOKS.glob("*.ipynb")} - {"start_here"}
