"""Write a CycloneDX bill of materials of the pinned dependencies: ``python tests/sbom.py [LOCK [FILE]]``.

Every package stands with its version and the hashes of its files, as requirements.lock pins them. The same lock gives
the same bytes.
"""

import hashlib
import re
import sys
import tomllib
from pathlib import Path
from uuid import UUID

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[1]
PINNED = re.compile(r"^([\w.-]+)==(\S+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def describe(lock: str) -> Bom:
    """The bill of a lock file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    product = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION, bom_ref="product"
    )
    bom = Bom(serial_number=UUID(bytes=hashlib.sha256(lock.encode()).digest()[:16], version=4))
    bom.metadata.component, bom.metadata.timestamp = product, None
    for name, version, rest in PINNED.findall(lock):
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=h) for h in re.findall(r"sha256:([0-9a-f]{64})", rest)]
        if not hashes:
            raise ValueError(f"requirements.lock: {name} is pinned without a hash. Renew it: make lock.")
        url = PackageURL("pypi", name=name, version=version)
        bom.components.add(Component(name=name, version=version, purl=url, bom_ref=str(url), hashes=hashes))
    bom.register_dependency(product, bom.components)
    return bom


def main(lock: Path = ROOT / "requirements.lock", file: Path = ROOT / "build" / "sbom.json") -> None:
    """Write the bill and say where it is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(JsonV1Dot6(describe(lock.read_text())).output_as_string(indent=1), encoding="utf-8")
    sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
