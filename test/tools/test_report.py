# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard report` and `health` as commands, and the page in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest

from fallback_guard.tools.cli import main
from played import BEGIN_NS, Tape

BROWSER: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def tape(folder: Path, **bad: object) -> Path:
    made = Tape()
    for number in range(10):
        made.request(number * 2_000, f"R-{number}")
    if bad:
        made.request(30_000, "R-bad", mode="TRUNCATED", taken_ms=137, recovered_ms=5_000)
    return made.write(folder / "a.mcap")


def test_a_page_and_its_json_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "week.html"
    assert main(["report", str(tape(tmp_path)), "--out", str(out)]) == 0
    assert "10 due requests" in capsys.readouterr().out
    data = json.loads(out.with_suffix(".json").read_bytes())
    assert (
        data["report_version"],
        data["objective"]["due"],
        data["objective"]["availability"],
    ) == (
        1,
        10,
        1.0,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mcap", "week.html", "week.json"]
    assert out.stat().st_mode & 0o777 == 0o666 & ~_mask()


def test_the_matrix_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Tape()
    made.request(0, "R-1")
    made.request(2_000, "R-2", mode="TRUNCATED", taken_ms=137, recovered_ms=1_137)
    made.request(8_000, "R-3", mode="WRONG_BIN", taken_ms=138, recovered_ms=1_138)
    assert main(["matrix", str(made.write(tmp_path / "a.mcap"))]) == 0
    *_, truncated, wrong_bin = capsys.readouterr().out.splitlines()
    assert truncated.startswith("| `TRUNCATED` | B safety | 1 |")
    assert "137.0 / 137.0 / 137.0 ms | 12 s halted | 1 halts, 1.0 s" in truncated
    assert "| 1 driven | 1 halts, 1.0 s" in wrong_bin


def test_a_file_of_somebody_elses_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "week.html"
    out.with_suffix(".json").write_text("{}", "utf-8")
    assert main(["report", str(tape(tmp_path)), "--out", str(out)]) == 2
    assert "name another --out" in capsys.readouterr().err
    out.with_suffix(".json").unlink()
    for _ in range(2):
        assert main(["report", str(tmp_path / "a.mcap"), "--out", str(out)]) == 0, "its own it may"


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "none.mcap"], "is not there; name recordings"),
        (["report", "a.mcap", "--out", "x.txt"], "name a file that ends in .html"),
        (["report", "a.mcap", "--out", "none/x.html"], "make it first"),
        (["report", "a.mcap", "--since", "soon"], "write 7d, 12h"),
        (["health", "a.mcap", "--since", "1s"], "look further back"),
        (["health", "."], "all within budget"),
    ],
)
def test_what_cannot_be_used_is_said_with_a_remedy(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tape(tmp_path)
    monkeypatch.chdir(tmp_path)
    is_good = arguments == ["health", "."]
    assert main(arguments) == (0 if is_good else 2)
    told = capsys.readouterr()
    assert said in (told.out if is_good else told.err)
    assert not list(tmp_path.glob("*.html"))


def test_health_says_what_is_not_within_budget_and_who_acts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", str(tape(tmp_path, bad=True))]) == 1
    told = capsys.readouterr().out
    assert "ACT: Availability: on call" in told
    assert told.rstrip().endswith("not within budget")


def test_since_is_about_now(tmp_path: Path) -> None:
    days = int((time.time() - BEGIN_NS / 1e9) // 86_400) + 2
    assert main(["health", str(tape(tmp_path)), "--since", f"{days}d"]) == 0


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_browser_draws_the_timeline_and_finds_no_fault(tmp_path: Path) -> None:
    """Its console is read: the page's policy would be violated there, and scripts would fail there."""
    made = Tape()
    made.request(1_000, "</script><script>document.title='pwned'</script>", mode="TRUNCATED")
    made.request(2_000, "R-2", robot="<img src=x onerror=document.title='pwned'>")
    out = tmp_path / "page.html"
    assert main(["report", str(made.write(tmp_path / "a.mcap")), "--out", str(out)]) == 0
    assert BROWSER is not None
    command = [
        BROWSER,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
    ]
    ended = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", out.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "<title>Guard report" in ended.stdout
    drawn = re.search(r'<div id="timeline-picture".*?</svg>', ended.stdout, re.DOTALL)
    assert drawn is not None
    assert drawn[0].count("lane-name") == 2
    assert "t-refusal" in drawn[0]
    assert re.search(r'id="timeline-status"[^>]*>[^<]*1 halt', ended.stdout)
    assert "CONSOLE" not in ended.stderr, [
        line for line in ended.stderr.splitlines() if "CONSOLE" in line
    ]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_check_of_the_console_can_fail(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert main(["report", str(tape(tmp_path)), "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    out.write_text(
        text.replace("</body>", "<script>document.title='pwned'</script></body>"), "utf-8"
    )
    assert BROWSER is not None
    command = [
        BROWSER,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
    ]
    ended = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", out.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "pwned</title>" not in ended.stdout, "the page's policy keeps it from running"
    assert "CONSOLE" in ended.stderr
