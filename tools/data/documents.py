"""Documents of agents that stand in a published package: fetched once, into a cache.

An agent's `documents.json` says where they come from:

    {"registry": "pypi" or "npm", "package": "flask", "version": "3.1.2", "licence": "BSD-3-Clause",
     "files": {"docs/cli.rst": "docs/cli.rst"}}

`files` maps a path in the package's source archive, without its top folder, to where the document
stands in the agent's folder. The registry's own client fetches the archive, as it is configured.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from agent_knowledge.errors import InputError, RunError

MANIFEST = "documents.json"
CACHE = Path(__file__).parents[2] / ".cache" / "agent-documents"
"""One folder an agent, by its name; not part of the repository."""
_SAID = 500
"""So many last characters of what a failed client said are repeated."""


def _relative(path: str) -> str:
    if not path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        msg = f"{path!r} must be a relative path that stays below its folder"
        raise ValueError(msg)
    return path


_Relative = Annotated[str, AfterValidator(_relative)]
_Word = Annotated[str, Field(pattern=r"^[@\w][\w./@+-]*$")]
"""No option of a client's."""


class Manifest(BaseModel):
    """Where an agent's documents come from.

    Attributes:
        registry: Whose client fetches the archive.
        package: Its name there.
        version: The one version whose documents the tasks were written for.
        licence: Of the documents.
        files: Path in the archive, without its top folder, to path in the agent's folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    registry: Literal["pypi", "npm"]
    package: _Word
    version: _Word
    licence: str
    files: dict[_Relative, _Relative] = Field(min_length=1)

    @classmethod
    def read(cls, file: Path) -> Manifest:
        """Read one.

        Raises:
            InputError: It is no such file; the message names every fault.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            msg = f"{str(file)!r} does not name documents: {error}"
            raise InputError(msg) from error


def fetch_documents(agent: Path, cache: Path = CACHE) -> dict[str, Path]:
    """Bring the documents that an agent's `documents.json` names into the cache.

    Nothing is fetched where all of them are there.

    Args:
        agent: The agent's folder; its name is the agent's.
        cache: Where the documents of all agents are kept.

    Returns:
        Per document, by its path in the agent's folder, the file that holds it; none for an agent
        without `documents.json`.

    Raises:
        InputError: The agent's `documents.json` is faulty.
        RunError: They cannot be fetched; the message says what to do.
    """
    file = agent / MANIFEST
    if not file.is_file():
        return {}
    manifest = Manifest.read(file)
    kept = {target: cache / agent.name / target for target in manifest.files.values()}
    if not all(document.is_file() for document in kept.values()):
        with TemporaryDirectory() as folder:
            texts = _read_members(_download(manifest, Path(folder)), manifest.files)
        for target, text in texts.items():
            kept[target].parent.mkdir(parents=True, exist_ok=True)
            kept[target].write_text(text, encoding="utf-8", newline="")
    return kept


def _download(manifest: Manifest, folder: Path) -> Path:
    """The source archive, fetched into a folder that is empty."""
    client, arguments = _command(manifest, folder)
    what = f"{manifest.package} {manifest.version}"
    program = shutil.which(client)
    if program is None:
        msg = (
            f"{client!r} is not on PATH; it fetches the documents of {what}: install it, and rerun"
        )
        raise RunError(msg)
    ran = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    archives = [path for path in folder.iterdir() if path.is_file() and tarfile.is_tarfile(path)]
    if ran.returncode or len(archives) != 1:
        said = (ran.stderr or ran.stdout)[-_SAID:].strip()
        msg = f"{client} brought no source archive of {what} (exit {ran.returncode}): {said}"
        raise RunError(msg)
    return archives[0]


def _command(manifest: Manifest, folder: Path) -> tuple[str, Sequence[str]]:
    """The registry's client, and how it fetches a source archive."""
    package, version = manifest.package, manifest.version
    if manifest.registry == "npm":
        return "npm", ("pack", f"{package}@{version}", "--ignore-scripts")
    # The archive of this package, while what pip builds its metadata with may come as wheels.
    options = ("--no-deps", "--no-binary", package, "--dest", str(folder))
    return "pip", ("download", *options, f"{package}=={version}")


def _read_members(archive: Path, files: Mapping[str, str]) -> dict[str, str]:
    """The named members' texts, by where they go; nothing else of the archive is read.

    Raises:
        RunError: One is not in it, or is no UTF-8 text.
    """
    texts: dict[str, str] = {}
    with tarfile.open(archive) as opened:
        for member in opened:
            target = files.get(member.name.partition("/")[2])
            found = opened.extractfile(member) if target and member.isfile() else None
            if target and found:
                texts[target] = _text(found.read(), f"{archive.name}: {member.name}")
    absent = [path for path, target in files.items() if target not in texts]
    if absent:
        msg = (
            f"{archive.name} holds no {', '.join(absent)}; mend 'files' or 'version' in {MANIFEST}"
        )
        raise RunError(msg)
    return texts


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{where} is not UTF-8 (byte {error.start}); leave it out of {MANIFEST}"
        raise RunError(msg) from error
