"""What CMake builds and installs is what lies in the repository; no CMake is needed to see that."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")


def listed(name: str) -> list[str]:
    return re.search(rf"set\({name}\n(.*?)\)", TOP, re.DOTALL).group(1).split()


def on_disk(folder: str, ending: str = "") -> list[str]:
    """Files below a folder as git sees them; all of them where the repository is a plain copy."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        paths = [path for path in found.stdout.split("\0") if path and (ROOT / path).is_file()]
    else:
        paths = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()]
    return sorted({path for path in paths if path.endswith(ending) and "__pycache__" not in path})


@pytest.mark.parametrize(
    ("name", "folder", "ending"), [("LIBRARY_SCRIPTS", "CT2MRSynthLib", ".py"), ("LIBRARY_RESOURCES", "Resources", "")]
)
def test_cmake_lists_every_file(name, folder, ending):
    files = on_disk(folder, ending)
    block = f"set({name}\n" + "".join(f"  {path}\n" for path in files) + "  )"
    assert listed(name) == files, f"in CMakeLists.txt write:\n{block}"


def test_the_library_holds_code_only():
    """Other files would need to be named as resources to be installed."""
    assert on_disk("CT2MRSynthLib") == on_disk("CT2MRSynthLib", ".py")


def test_project_is_named_as_the_extension_and_its_module():
    assert re.search(r"^project\(CT2MRSynth\)$", TOP, re.MULTILINE)
    module = (ROOT / "CT2MRSynth" / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.search(r"NAME CT2MRSynth\s+SCRIPTS CT2MRSynth\.py\s+WITH_GENERIC_TESTS", module)


def test_every_subfolder_that_cmake_enters_has_a_list():
    for folder in (ROOT, ROOT / "Testing"):
        for name in re.findall(r"add_subdirectory\((\w+)\)", (folder / "CMakeLists.txt").read_text(encoding="utf-8")):
            assert (folder / name / "CMakeLists.txt").is_file()


def test_files_that_packing_asks_for_are_there():
    """The application's packing script stops without them."""
    assert (ROOT / "README.md").is_file()
    assert any(ROOT.glob("LICENSE*"))
