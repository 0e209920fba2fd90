"""The same demo, labels, themes and claims on every processor: with the fast instructions of this one on, and off.

Run as a script with a folder, it prints what it sees there as JSON; the test runs it under both settings and compares.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TABLES = ("contacts", "surveys", "complaints", "customers")
SETTINGS = """[organisation]
name = "Northwind Broadband"
brands = ["Northwind"]
timezone = "Europe/London"
[text]
model = "fast"
"""


def observe(folder: Path) -> dict[str, object]:
    """What a run in this process comes to: features of the processor, hashes of tables, labels, themes, claims."""
    import numpy as np

    return {"features": enabled(np), **hash_demo(), **label_texts(), "claims": publish_claims(folder)}


def enabled(np) -> list[str]:
    core = np._core._multiarray_umath
    return [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]]


def hash_demo() -> dict[str, str]:
    import pandas as pd

    from analytics import simulate

    tables, _ = simulate(seed=0, customers=5_000)
    rows = {name: pd.util.hash_pandas_object(getattr(tables, name)) for name in TABLES}
    return {name: hashlib.sha256(hashes.to_numpy().tobytes()).hexdigest() for name, hashes in rows.items()}


def label_texts() -> dict[str, list]:
    """Sentiment and themes of 2,000 texts of our own by both models: the demo's sentences and lines for training."""
    import pandas as pd

    from analytics import score_texts
    from analytics.tables.demo.comments import BANK

    frames = [pd.read_csv(path) for path in (BANK, *sorted((ROOT / "data" / "training").glob("*.csv")))]
    lines = [frame["text"] for frame in frames if "text" in frame]
    texts = pd.concat(lines).drop_duplicates()
    texts = texts[texts.str.len().between(20, 60)].iloc[::2].tolist()[:2_000]  # short ones: they are read faster
    labels = {}
    for model in ("fast", "accurate"):
        scores = score_texts(texts, brands=["Northwind"], model=model)
        themes = [[(str(tag), tag.polarity) for tag in tags] for tags in scores["themes"]]
        labels[model] = list(zip(scores["sentiment"], themes, strict=True))
    return labels


def publish_claims(folder: Path) -> object:
    """Claims of the leadership report of a small organisation, its notebook run in this process."""
    sys.path.insert(0, str(ROOT))
    from analytics.publish import run
    from analytics.tables.demo.simulate import write_demo
    from tests.worlds.publishing import execute_here

    write_demo(folder, seed=0, months=6, customers=1_500)
    sources = [f'[sources.{name}]\npath = "{name}.parquet"\n' for name in TABLES]
    (folder / "perception.toml").write_text(SETTINGS + "".join(sources), encoding="utf-8")
    run.execute = execute_here
    published = run.build_report("leadership", "2026-10", folder / "perception.toml")
    return json.loads((published.folder / "claims.json").read_text(encoding="utf-8"))["claims"]


def slowed() -> dict[str, str]:
    """Environment in which numpy, BLAS, Arrow and the C library use none of what only some processors have."""
    import numpy as np

    return os.environ | {
        "NPY_DISABLE_CPU_FEATURES": " ".join(enabled(np)),
        "OPENBLAS_CORETYPE": "Nehalem",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "ARROW_USER_SIMD_LEVEL": "NONE",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX,-AVX512F",
    }


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="no instructions that can be switched off")
def test_tables_labels_themes_and_claims_are_the_same_with_the_processors_fast_instructions_off(tmp_path):
    runs = []
    for name, environment in (("on", dict(os.environ)), ("off", slowed())):
        folder = tmp_path / name
        folder.mkdir()
        command = [sys.executable, __file__, str(folder)]
        runs.append(subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    answers = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    on, off = (json.loads(answer) for answer in answers)
    assert on.pop("features") and off.pop("features") == [], "the switch has to switch something off"
    for part in (*TABLES, "fast", "accurate", "claims"):
        assert on[part] == off[part], part
    assert len(on["fast"]) == len(on["accurate"]) == 2_000


if __name__ == "__main__":
    json.dump(observe(Path(sys.argv[1])), sys.stdout)
