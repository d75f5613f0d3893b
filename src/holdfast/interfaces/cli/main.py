"""The `holdfast` command: which commands there are, and how every one of them ends.

A HoldfastError becomes `error: ...`, `hint: ...` and its exit code; with `--json`, one JSON object. Nothing else
leaves: no traceback unless HOLDFAST_TRACEBACK=1, no secret in any of it. Usage mistakes exit 2, Ctrl-C exits 130.

A command group is a module with `commands = typer.Typer()` and one line in GROUPS. Commands print through `output`,
raise HoldfastError to fail, `typer.Exit(code)` to end with a code after printing their own result, and import heavy
modules inside the function: `holdfast --help` must not wait for Arrow.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from holdfast.domain.errors import HoldfastError, Interrupted, UsageError
from holdfast.interfaces.cli import (
    build,
    changes,
    check,
    contract,
    daily,
    db,
    drift,
    explain,
    fx,
    ledger,
    load,
    logs,
    ops,
    output,
    project,
    rejects,
    verify,
)
from holdfast.observe import log


class _Commands(TyperGroup):
    """The parser would turn Ctrl-C into an exit code and say nothing, not even to a reader of `--json`."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted(
                "interrupted; what was committed stays", hint="run the same command again to go on"
            ) from None


app = typer.Typer(
    cls=_Commands,
    help="Loads files, APIs and feeds into databases and is still right after being killed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: no escape codes off a terminal, and a faster start
    context_settings={"help_option_names": ["-h", "--help"]},
)
GROUPS: tuple[tuple[typer.Typer, str | None], ...] = (
    (project.commands, None),
    (contract.commands, "contract"),
    (load.commands, None),
    (daily.commands, None),
    (ledger.commands, None),
    (drift.commands, None),
    (verify.commands, None),
    (explain.commands, None),
    (logs.commands, None),
    (changes.commands, None),
    (check.commands, None),
    (rejects.commands, "rejects"),
    (build.commands, None),
    (fx.commands, "fx"),
    (ops.commands, "ops"),
    (db.commands, "db"),
)
for _commands, _name in GROUPS:
    app.add_typer(_commands, name=_name)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        output.line(f"holdfast {version('holdfast')}")
        raise typer.Exit


@app.callback()
def _frame(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    log_level: Annotated[
        str, typer.Option("--log-level", envvar="HOLDFAST_LOG_LEVEL", help=" | ".join(log.LEVELS))
    ] = "warning",
) -> None:
    if log_level.lower() not in log.LEVELS:
        raise UsageError(f"log level {log_level!r} is unknown", hint=f"use one of {', '.join(log.LEVELS)}")
    os.environ["HOLDFAST_LOG_LEVEL"] = log_level  # worker processes log alike
    log.setup(log_level)


def main(arguments: list[str] | None = None) -> None:
    """The console script."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads for algebra that nobody does here
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code. Whatever happens, it is told in the way the user asked for."""
    try:
        code = app(arguments, prog_name="holdfast", standalone_mode=False)
        sys.stdout.flush()  # a closed pipe must fail here, not in the interpreter's last breath
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0  # the reader (head, less) had enough
    except BaseException as error:
        return _report(error, as_json="--json" in arguments)


def _report(error: BaseException, *, as_json: bool) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # of the parser, which keeps it private
        print(error, file=sys.stderr)
        return 2
    known = _as_holdfast_error(error)
    if as_json:
        output.terminal_object(output.failed(known))
    output.print_error(known.message, known.hint)
    if os.environ.get("HOLDFAST_TRACEBACK") == "1":
        sys.stderr.write(log.mask("".join(traceback.format_exception(error))))
    return known.exit_code


def _as_holdfast_error(error: BaseException) -> HoldfastError:
    if isinstance(error, HoldfastError):
        return error
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return Interrupted("interrupted; what was committed stays", hint="run the same command again to go on")
    if hasattr(error, "format_message"):  # the parser's own: unknown option, missing argument
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "holdfast"
        return UsageError(error.format_message(), hint=f"see: {path} --help")
    if isinstance(error, SystemExit):
        raise error
    return HoldfastError(
        f"unexpected {type(error).__name__}: {output.visible(str(error))}",
        hint="this is a bug in Holdfast; HOLDFAST_TRACEBACK=1 shows where. Nothing half done was committed",
    )


if __name__ == "__main__":
    main()
