"""Makes `report.png`, the picture of a run's report in the README, from the report of a real run.

    python docs/images/make_report_image.py runs/complete_journey/artifacts/Report/report/N/report.html

Chromium takes the screenshot; its name on the PATH can be given with --browser.
"""

import argparse
import pathlib
import subprocess
import tempfile

from PIL import Image

WIDTH, HEIGHT = 1280, 800
MOST_BYTES = 200_000


def take_screenshot(browser: str, page: pathlib.Path, picture: pathlib.Path) -> None:
    """Writes the top of a page as PNG, as a reader with a light theme sees it."""
    with tempfile.TemporaryDirectory() as profile:
        options = [f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture}"]
        quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        subprocess.run([browser, *quiet, *options, page.resolve().as_uri()], check=True, capture_output=True)


def shrink(picture: pathlib.Path) -> int:
    """Reduces a PNG to 128 colours, which a page of text does not miss; returns its size in bytes."""
    with Image.open(picture) as image:
        reduced = image.convert("RGB").quantize(128)
    reduced.save(picture, optimize=True)
    return picture.stat().st_size


def main() -> None:
    """Makes the picture beside this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=pathlib.Path, help="report.html of a run")
    parser.add_argument("--browser", default="chromium", help="a browser of the Chromium family (default: %(default)s)")
    arguments = parser.parse_args()
    picture = pathlib.Path(__file__).with_name("report.png")
    take_screenshot(arguments.browser, arguments.report, picture)
    size = shrink(picture)
    if size > MOST_BYTES:
        raise SystemExit(f"{picture} has {size:,} bytes, more than {MOST_BYTES:,}: lower HEIGHT.")
    print(f"Wrote {picture}, {size:,} bytes")


if __name__ == "__main__":
    main()
