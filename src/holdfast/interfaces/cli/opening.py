"""From the command line's words to an open project: config, contract, sources, settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.domain.errors import ConfigError
from holdfast.observe import log

if TYPE_CHECKING:
    from holdfast.domain.contract import Contract
    from holdfast.interfaces import config
    from holdfast.models.graph import Graph
    from holdfast.wiring import Project


@contextmanager
def opened(
    project: config.Project, *, workers: int | None = None, grace_s: float | None = None, upgrade: bool = True
) -> Iterator[Project]:
    """The project's database, connected. `upgrade=False`: as it is, for commands that only look."""
    from holdfast.wiring import Settings, open_project

    log.register_password_of(project.url)
    settings = Settings(
        url=project.url,
        project_dir=str(project.directory),
        workers=project.load.workers if workers is None else workers,
        grace_s=project.load.grace_s if grace_s is None else grace_s,
        lease_s=project.load.lease_s,
        heartbeat_s=project.load.heartbeat_s,
        retry_for_s=project.load.retry_for_s,
        landing_rows_min=project.load.landing_rows_min,
        remote=project.remote,
        sources={name: asdict(project.policy(name)) for name in project.sources},
    )
    with open_project(settings, bring_up_to_date=upgrade) as project_open:
        yield project_open


def contract_of(project: config.Project, dataset: str) -> Contract:
    """The dataset's contract, with the chunk size that holdfast.toml asks for."""
    contract = project.contract(dataset)
    if project.load.chunk_bytes is None:
        return contract
    form = contract.format.model_copy(update={"chunk_bytes": project.load.chunk_bytes})
    return contract.model_copy(update={"format": form})


def neither(project: config.Project, graph: Graph, name: str) -> ConfigError:
    """What to say of a name that is no dataset's and no model's."""
    datasets, models = project.dataset_names(), [model.target for model in graph.models]
    return ConfigError(
        f"{name!r} is neither a dataset nor a model; datasets: {', '.join(datasets) or 'none'};"
        f" models: {', '.join(models) or 'none'}",
        hint="name a contract in contracts/, or the target of a model in models/",
    )


def sources_of(contract: Contract, given: list[str]) -> list[str]:
    """The sources to load: those of the command line (from the current directory), else the contract's own."""
    if contract.web:
        if given:
            raise ConfigError(
                f"dataset {contract.name!r} loads from {contract.web.uri}, and files were given; nothing was read",
                hint=f"leave the files out: holdfast load {contract.name}",
            )
        return []
    if given:
        return [source if "://" in source else str(Path.cwd() / source) for source in given]
    if not contract.source:
        raise ConfigError(
            f"dataset {contract.name!r} has no source and none was given; nothing was read",
            hint=f'name files (holdfast load {contract.name} data/*.csv) or set source = "data/*.csv" in the contract',
        )
    return list(contract.source)
