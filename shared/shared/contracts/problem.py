"""RFC 9457 problem details: the one error body of every service and of the gateway."""

from pydantic import BaseModel, ConfigDict, Field


class FieldError(BaseModel):
    """One part of a request that is not as it should be."""

    location: str = Field(description="Where, e.g. `body.text`, `query.model_name`, `header.content-type`")
    message: str


class ProblemDetails(BaseModel):
    """`application/problem+json` (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", description="A stable identifier of the kind of problem")
    title: str = Field(description="The kind of problem, in words that do not change")
    status: int = Field(description="The HTTP status, repeated")
    detail: str | None = Field(None, description="What went wrong this time")
    instance: str | None = Field(None, description="The path that was asked for")
    request_id: str | None = Field(None, description="The X-Request-ID of this request, as it stands in every log")
    errors: list[FieldError] | None = Field(None, description="422 only: what is wrong and where")
