"""Build the site: `python site/build.py [folder]`, by default into outputs/site. Nothing is executed and nothing is fetched."""

import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from avvp_site.staging import stage  # noqa: E402 - after the path has been set


def main(out: Path) -> int:
    """Render the site, warnings being errors, and put it where it belongs once it is complete. Returns the status of Sphinx."""
    work = out.parent / f"{out.name}_build"
    shutil.rmtree(work, ignore_errors=True)
    stage(HERE.parent, work / "sources")
    folders = [str(work / "sources"), str(work / "pages")]
    status = sphinx(["-W", "--keep-going", "-q", "-c", str(HERE), "-d", str(work / "read"), *folders])
    if status == 0:
        shutil.rmtree(out, ignore_errors=True)  # a page whose source is gone must go too
        (work / "pages").replace(out)
        shutil.rmtree(work)
    return status


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "outputs" / "site"
    status = main(chosen.resolve())
    if status == 0:
        print(f"open {chosen / 'index.html'}")
    sys.exit(status)
