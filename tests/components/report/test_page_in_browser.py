"""What a browser makes of the page: headless Chromium, if there is one."""

import pathlib
import re
import shutil
import subprocess

import pytest

from tests.components.report.page_checks import render
from tests.components.report.report_json import make_report_json

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium on PATH to look at the page"),
]

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=5000",
)
LIGHT, DARK = "--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0"
LONG = ("<b>" + "x" * 300, "直播" * 60, "مشهد" * 40, *map(str, range(12)))

# Folded parts are unfolded, and the width that the page takes is told to the page around it.
TELL_WIDTH = """<script>
for (const part of document.querySelectorAll("details")) part.open = true;
const root = document.documentElement;
parent.postMessage(`${root.scrollWidth} of ${root.clientWidth}`, "*");
</script></body>"""
# A browser's window cannot be as narrow as a phone; a frame in it can.
FRAME = """<!DOCTYPE html><body><iframe width="{width}" height="800" style="border: 0" src="{source}"></iframe>
<script>addEventListener("message", told => document.body.dataset.told = told.data)</script></body>"""


def browse(folder: pathlib.Path, page: pathlib.Path, *options: str) -> str:
    command = [str(BROWSER), *OPTIONS, f"--user-data-dir={folder / 'profile'}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(make_report_json()))
    return path


def check_width(folder: pathlib.Path, page: str, width: int) -> None:
    """Shows a page in a window and holds it to be no wider."""
    assert page.count("</body>") == 1
    (folder / "inner.html").write_text(page.replace("</body>", TELL_WIDTH))
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(width=width, source="inner.html"))
    told = re.search(r'data-told="(\d+) of (\d+)"', browse(folder, frame, "--dump-dom", "--window-size=1400,900"))
    assert told, "the page has to tell its width"
    taken, given = map(int, told.groups())
    assert width - 20 <= given <= width, "but for a bar to scroll with"
    assert taken <= given


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("scenes", [LONG, ("app",)])
def test_nothing_is_wider_than_the_window(tmp_path: pathlib.Path, width: int, scenes: tuple[str, ...]) -> None:
    document = make_report_json(scenes=scenes, points=20)
    document["name"] = "n" * 200
    document["evaluation"]["verdict"]["reasons"] = ["r" * 400]
    document["origin"]["config_text"] = "c" * 1000
    for example in document["examples"]:
        example["user"] = "u" * 128
        for event in (*example["history"], *example["recommended"], *example["truth"]):
            event |= {"item": LONG[0], "name": LONG[1]}
    check_width(tmp_path, render(document), width)


@pytest.mark.parametrize("width", [360, 1280])
def test_it_can_be_seen_in_light_and_dark(tmp_path: pathlib.Path, page: pathlib.Path, width: int) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow to look at pictures")
    brightness = {}
    for scheme in (LIGHT, DARK):
        picture = tmp_path / "picture.png"
        browse(tmp_path, page, scheme, f"--window-size={width},3000", f"--screenshot={picture}")
        with image.open(picture) as opened:
            seen = opened.convert("RGB")
        assert seen.size == (width, 3000)
        colours = seen.getcolors(seen.width * seen.height)
        assert len(colours) > 100, "letters, charts and tables have many colours"
        number, background = max(colours)
        assert 0.3 < number / (seen.width * seen.height) < 0.97, "neither empty nor crammed"
        # Charts have their colours, and not only those of the text.
        assert any(max(colour) - min(colour) > 90 for count, colour in colours if count > 50)
        brightness[scheme] = sum(background) / 3
    assert brightness[LIGHT] > 200 and brightness[DARK] < 60
