"""The jobs: what is loaded into what by whom, and which ratios are drawn from it. One module for each kind."""

from __future__ import annotations

from bench.jobs import growth, observed, proofs, races, reloads
from bench.jobs.job import Job

JOBS: dict[str, Job] = {
    job.name: job for job in (*races.JOBS, *reloads.JOBS, *growth.JOBS, *observed.JOBS, *proofs.JOBS)
}
