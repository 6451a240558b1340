"""The pictures in docs/service.md, taken of a real job by a real browser.

python -m bench pictures             five minutes: a job on generated auctions, then its pages
python -m bench.pictures URL JOB     the pages of a job that a server has finished
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from instances.families import FAMILIES, generate
from storage.store import Store
from tests.service import handed_in, served, uploaded
from tuner.app.working import Worker
from tuner.service.server import application

ON_REQUEST = True
FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
DRAWN = ".main-svg"
"""What Plotly has drawn."""


def main() -> None:
    """Tune, and take the pictures."""
    if len(sys.argv) == 3:
        _take(sys.argv[1], sys.argv[2])
        return
    with tempfile.TemporaryDirectory() as name, Store.open(f"sqlite:///{Path(name) / 'store.db'}") as store:
        folder = Path(name)
        generate(FAMILIES["combinatorial-auction"], 24, folder / "auctions", seed=1)
        models = uploaded(store, folder / "auctions", "local")
        job = handed_in(store, models, name="auctions", owner="local", cutoff=10.0, budget=240.0, slots=2)
        Worker(store, folder / "work", 2, print).work(until_idle=True)
        with served(application(store)) as client:
            _take(str(client.base_url), job.name)


def _take(url: str, job: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = _page(browser, "light", WIDE)
        page.goto(f"{url}/jobs/{job}")
        _keep(page, "job")
        page.goto(page.locator("table a[href*=instances]").first.evaluate("link => link.href"))
        _keep(page, "instance", drawn=False)
        page.goto(f"{url}/jobs/{job}")
        page.click("text=in Optuna's dashboard")
        page.get_by_text("Performance profile").scroll_into_view_if_needed(timeout=60_000)
        _keep(page, "study")
        page = _page(browser, "dark", PHONE)
        page.goto(f"{url}/jobs/{job}")
        _keep(page, "phone")
        browser.close()


def _page(browser: Browser, scheme: str, size: dict[str, int]) -> Page:
    return browser.new_context(color_scheme=scheme, viewport=size).new_page()  # type: ignore[arg-type]


def _keep(page: Page, name: str, drawn: bool = True) -> None:
    if drawn:
        page.locator(DRAWN).first.wait_for()
        page.wait_for_timeout(500)
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
