"""`holdfast contract`: propose a contract for a file, and check the contracts there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.domain.errors import ConfigError, HoldfastError, UsageError
from holdfast.interfaces.cli import options, output

if TYPE_CHECKING:
    from holdfast.domain.contract import Contract
    from holdfast.interfaces import config

commands = typer.Typer(help="Propose and check contracts.", no_args_is_help=True)


@commands.command()
def infer(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file: CSV, JSON Lines, Parquet, spreadsheet.")],
    name: Annotated[str, typer.Option(help="The dataset's name; else the file's.", show_default=False)] = "",
    key: Annotated[str, typer.Option(metavar="A,B", help="The primary key's columns.", show_default=False)] = "",
    write_disposition: Annotated[
        str | None, typer.Option(metavar="W", help="merge | append | replace", show_default=False)
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Propose a contract for a file, as TOML on stdout: types, widths, dates, key, with its doubts as comments."""
    from holdfast.adapters.sources.everywhere import Everywhere, is_remote
    from holdfast.engine.inferring import propose
    from holdfast.interfaces.config import load_project
    from holdfast.parsing.infer import to_toml

    if write_disposition not in (None, "merge", "append", "replace"):
        raise UsageError(f"write disposition {write_disposition!r} is unknown", hint="use merge, append or replace")
    project = load_project()
    files = Everywhere(project.directory, project.remote)
    try:
        uri = files.list([file if is_remote(file) else str(Path.cwd() / file)])[0].uri
        inference = propose(
            files,
            uri,
            name=name,
            key=[word.strip() for word in key.split(",") if word.strip()],
            write_disposition=write_disposition,
        )
    finally:
        files.close()
    if as_json:
        described = inference.contract.model_dump(mode="json", by_alias=True)
        notes = {"general": inference.general, "columns": inference.notes}
        toml = to_toml(inference)
        output.terminal_object({"status": "done", "exit_code": 0, "contract": described, "notes": notes, "toml": toml})
    else:
        output.line(to_toml(inference).rstrip("\n"))


@dataclass(slots=True)
class _Findings:
    """What `check` found out about one dataset. `errors` make it fail, `facts` are for reading."""

    dataset: str
    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[HoldfastError] = field(default_factory=list)


@commands.command()
def check(
    dataset: options.OptionalDataset = None,
    db: options.Db = None,
    as_json: options.Json = False,
) -> None:
    """Is the contract sound, does it fit the source and the existing table? Writes nothing."""
    from holdfast.interfaces.config import load_project

    project = load_project(db)
    names = [dataset] if dataset else project.dataset_names()
    if not names:
        raise UsageError(
            f"there is no contract in {project.contracts_directory}",
            hint="make one with: holdfast contract infer FILE > contracts/NAME.toml",
        )
    if dataset and dataset not in project.dataset_names():
        project.contract(dataset)  # raises, and names those there are
    checked = [_checked(project, name) for name in names]
    first = next((error for findings in checked for error in findings.errors), None)
    if as_json:
        output.terminal_object(_described(checked, first))
    else:
        for findings in checked:
            _show(findings)
    if first:
        raise typer.Exit(first.exit_code)


def _checked(project: config.Project, name: str) -> _Findings:
    findings = _Findings(name)
    try:
        contract = project.contract(name)
    except HoldfastError as error:
        findings.errors.append(error)
        return findings
    findings.facts.append("contract is sound")
    for look in (_look_at_source, _look_at_table):
        try:
            look(project, contract, findings)
        except HoldfastError as error:
            findings.errors.append(error)
    return findings


def _look_at_source(project: config.Project, contract: Contract, findings: _Findings) -> None:
    from holdfast.adapters.sources.everywhere import Everywhere
    from holdfast.engine.drifting import Drift, sentences
    from holdfast.engine.forms import form_named, form_of
    from holdfast.engine.opening import identify, opened

    if contract.web:
        _look_at_web(contract, findings)
        return
    if not contract.source:
        findings.warnings.append("names no source: a load must be given its files")
        return
    files = Everywhere(project.directory, project.remote)
    drift = Drift(contract)
    try:
        stamps = [file.stamp for file in identify(files, contract.format, files.list(contract.source), [])]
        for stamp in stamps:
            form = form_named(form_of(contract, stamp.uri))
            with opened(files, stamp.uri, stamp.compression) as handle:
                layout = form.layout(handle, stamp, contract)
                wanted = drift.wants_sample(layout.names)
                drift.take(stamp.uri, form.delivery(handle, stamp, layout, contract, sampled=wanted))
    finally:
        files.close()
    findings.warnings += sentences(drift.noted)
    findings.facts.append(f"fits the header of {output.counted(len(stamps), 'file')}")


def _look_at_web(contract: Contract, findings: _Findings) -> None:
    """Nobody is asked over the network: a call may cost, and a check is run often."""
    from holdfast.adapters.sources.web_request import Caller

    if contract.web:
        findings.facts.append(f"loads from {contract.web.uri} (not asked)")
        try:
            Caller.of(contract, contract.web)
        except ConfigError as missing:
            findings.warnings.append(missing.message)


def _look_at_table(project: config.Project, contract: Contract, findings: _Findings) -> None:
    from holdfast.engine.target import compare, target_definition
    from holdfast.interfaces.cli.opening import opened

    wanted = target_definition(contract)
    with opened(project, upgrade=False) as project_open:
        findings.warnings += project_open.database.problem_with(wanted)
        with project_open.database.transaction() as tx:
            there = tx.reflect(contract.table)
    if there is None:
        findings.facts.append(f"table {contract.table} will be made by the first load")
    elif differences := compare(wanted, there):
        findings.errors += [UsageError(f"table {contract.table}: {difference}") for difference in differences]
    else:
        findings.facts.append(f"table {contract.table} fits")


def _show(findings: _Findings) -> None:
    output.line(f"{findings.dataset}  {' · '.join(findings.facts) or 'contract is not sound'}")
    for warning in findings.warnings:
        output.line(f"  warning: {warning}")
    for error in findings.errors:
        output.print_error(f"{findings.dataset}: {error.message}", error.hint)


def _described(checked: list[_Findings], first: HoldfastError | None) -> dict[str, Any]:
    datasets = [
        {
            "dataset": f.dataset,
            "facts": f.facts,
            "warnings": f.warnings,
            "errors": [output.failed(error)["error"] for error in f.errors],
        }
        for f in checked
    ]
    if first:
        return output.failed(first, datasets=datasets)
    return {"status": "done", "exit_code": 0, "datasets": datasets}
