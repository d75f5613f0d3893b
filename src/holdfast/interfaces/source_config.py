"""`[sources.NAME]` of holdfast.toml: how calls to a source are made. Defaults are those of outbound/policy.py."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from holdfast.outbound.policy import Policy

SourceName = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,63}$")]


class SourceSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int | None = Field(default=None, ge=1)
    period_s: float = Field(default=60.0, gt=0, le=86_400)
    burst: int = Field(default=1, ge=1)
    connect_timeout_s: float = Field(default=10.0, gt=0)
    read_timeout_s: float = Field(default=30.0, gt=0)
    deadline_s: float = Field(default=120.0, gt=0)
    response_bytes_max: int = Field(default=64 * 1024 * 1024, ge=1)
    redirects_max: int = Field(default=5, ge=0, le=20)
    tries: int = Field(default=5, ge=1, le=100)
    backoff_initial_s: float = Field(default=0.5, ge=0)
    backoff_multiplier: float = Field(default=2.0, ge=1)
    backoff_cap_s: float = Field(default=30.0, ge=0)
    backoff_jitter: float = Field(default=0.5, ge=0, le=1)
    retry_budget: float = Field(default=0.1, ge=0)
    breaker_failures: int = Field(default=5, ge=1)
    breaker_cooldown_s: float = Field(default=30.0, ge=0)

    @model_validator(mode="after")
    def _burst_within_calls(self) -> Self:
        if self.calls is not None and self.burst > self.calls:
            raise ValueError(f"burst is {self.burst}, more than calls ({self.calls})")
        return self

    def policy(self, source: str) -> Policy:
        return Policy(source=source, **self.model_dump())
