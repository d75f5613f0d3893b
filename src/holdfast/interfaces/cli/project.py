"""`holdfast init`: a project that can be loaded at once. Writes all of its files or none."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from holdfast.domain.errors import UsageError
from holdfast.interfaces.cli import options, output

commands = typer.Typer()
_RENAMED = {"gitignore": ".gitignore"}  # under its own name it would act on this repository


@commands.command()
def init(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where; made if missing.", show_default=False)
    ] = Path(),
    as_json: options.Json = False,
) -> None:
    """Start a project: holdfast.toml, a contract, a small CSV with some broken rows, models/."""
    target = directory.absolute()
    wanted = {target / name: content for name, content in _templates(files("holdfast.interfaces") / "templates")}
    _require_free(list(wanted), target)
    try:
        for path, content in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as out:
                out.write(content)
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or target}: {error.strerror}", hint="choose a directory you may write to"
        ) from error
    names = [path.relative_to(target).as_posix() for path in wanted]
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "directory": str(target), "files": names})
        return
    for name in names:
        output.line(f"wrote {directory / name}")
    output.line()
    output.line("next:")
    if target != Path.cwd():
        output.line(f"  cd {directory}")
    for command in ("holdfast plan usage", "holdfast load usage", "holdfast rejects list usage", "holdfast build"):
        output.line(f"  {command}")


def _templates(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        name = prefix + _RENAMED.get(entry.name, entry.name)
        found += _templates(entry, name + "/") if entry.is_dir() else [(name, entry.read_bytes())]
    return found


def _require_free(paths: list[Path], target: Path) -> None:
    blocking = [parent for parent in (target, *target.parents) if parent.exists() and not parent.is_dir()]
    taken = [path for path in paths if path.exists() or path.is_symlink()]
    if blocking or taken:
        listed = "\n  ".join(str(path) for path in blocking or taken)
        what = "is a file, not a directory" if blocking else "are there already"
        raise UsageError(
            f"these {what}; nothing was written:\n  {listed}" if taken else f"{listed} {what}; nothing was written",
            hint="choose another directory: holdfast init DIR",
        )
