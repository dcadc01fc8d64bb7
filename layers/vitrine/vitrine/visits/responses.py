"""Jobs and visits in responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from vitrine.platform.times import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vitrine.visits.model import Job, Outcome, StoreFailure
    from vitrine.visits.read_visits import VisitedStore


class SubmittedResponse(TypedDict):
    job_id: str


class StoreFailureResponse(TypedDict):
    store_id: str
    error: str


class StatusResponse(TypedDict):
    status: str
    job_id: str
    error: NotRequired[list[StoreFailureResponse]]


class MeasuredDayResponse(TypedDict):
    date: str
    perimeter: int


class VisitedStoreResponse(TypedDict):
    store_id: str
    area: str
    store_name: str
    data: list[MeasuredDayResponse]


class VisitsResponse(TypedDict):
    results: list[VisitedStoreResponse]


class JobResponse(TypedDict):
    job_id: str
    status: str
    created_at: str
    attempt: int
    visits: int
    images: int
    done: int
    failed: int
    left: int


class PictureErrorResponse(TypedDict):
    code: str
    detail: str


class PictureResponse(TypedDict):
    position: int
    url: str
    store_id: str
    visit_time: str
    format: str | None
    width: int | None
    height: int | None
    perimeter: int | None
    orientation: int | None
    display_width: int | None
    display_height: int | None
    bytes_fetched: int
    error: PictureErrorResponse | None


def status_response(job: Job, failures: Sequence[StoreFailure]) -> StatusResponse:
    """Return a job's status in the assignment's form."""
    response: StatusResponse = {"status": job.status, "job_id": job.key.job_id}
    if job.status == "failed":
        response["error"] = [{"store_id": failure.store_id, "error": failure.reason} for failure in failures]
    return response


def visits_response(stores: Iterable[VisitedStore]) -> VisitsResponse:
    """Return measured visits in the assignment's form."""
    return {
        "results": [
            {
                "store_id": visited.store.store_id,
                "area": visited.store.area,
                "store_name": visited.store.name,
                "data": [
                    {"date": visit.visited_at.date().isoformat(), "perimeter": visit.perimeter}
                    for visit in visited.visits
                ],
            }
            for visited in stores
        ]
    }


def job_response(job: Job) -> JobResponse:
    """Return a job and its counts."""
    return {
        "job_id": job.key.job_id,
        "status": job.status,
        "created_at": to_rfc3339(job.created_at),
        "attempt": job.attempt,
        "visits": job.visits,
        "images": job.images,
        "done": job.done,
        "failed": job.failed,
        "left": job.left,
    }


def picture_response(outcome: Outcome) -> PictureResponse:
    """Return the outcome for a picture; `position` is 1-based."""
    task, picture, failure = outcome.task, outcome.picture, outcome.failure
    return {
        "position": task.at + 1,
        "url": task.url,
        "store_id": task.store_id,
        "visit_time": to_rfc3339(task.visited_at),
        "format": picture.format if picture else None,
        "width": picture.width if picture else None,
        "height": picture.height if picture else None,
        "perimeter": picture.perimeter if picture else None,
        "orientation": picture.orientation if picture else None,
        "display_width": picture.display_width if picture else None,
        "display_height": picture.display_height if picture else None,
        "bytes_fetched": outcome.bytes_fetched,
        "error": {"code": failure.code, "detail": failure.detail} if failure else None,
    }
