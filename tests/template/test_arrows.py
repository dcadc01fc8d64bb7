"""The arrows between modules hold for modules and rooms that nobody has registered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "text", "broken"),
    [
        ("galleries/count_images.py", "import botocore", "Adapters alone use engines"),
        ("galleries/count_images.py", "import vitrine.galleries.dynamodb", "Wiring alone picks adapters"),
        ("galleries/count_images.py", "import vitrine.platform.aws", "Adapters and wiring alone use clients of AWS"),
        ("galleries/count_images.py", "import vitrine.access.wiring", "Functions and commands alone use wiring"),
        ("galleries/s3.py", "import vitrine.galleries.sqs", "Wiring alone picks adapters"),
        ("gifts/model.py", "import pydantic", "Models are pure"),
        ("gifts/model.py", "", "vitrine.gifts"),
    ],
)
def test_a_module_that_is_new_is_held_to_the_arrows(tmp_path: Path, module: str, text: str, broken: str) -> None:
    shutil.copytree(ROOT / "layers" / "vitrine" / "vitrine", tmp_path / "vitrine")
    new = tmp_path / "vitrine" / module
    new.parent.mkdir(exist_ok=True)
    (new.parent / "__init__.py").touch()
    new.write_text(text)
    found = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--config", ROOT / "pyproject.toml", "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert broken in found.stdout
    assert f"{broken} KEPT" not in found.stdout
