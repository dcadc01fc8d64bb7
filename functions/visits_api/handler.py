"""Store visits over HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from vitrine.access.wiring import check_quota, note_outcome
from vitrine.galleries.model import GalleryKey
from vitrine.platform.http import HttpApp, Request, Response
from vitrine.platform.ids import is_id
from vitrine.platform.problems import (
    InvalidRequest,
    MalformedRequest,
    NotFound,
    ServiceError,
    TooLarge,
    headers_of,
    status_of,
)
from vitrine.platform.wiring import saved_responses
from vitrine.visits.model import MOST_IMAGES, JobKey
from vitrine.visits.ports import Span, Submission
from vitrine.visits.read_jobs import JobFilter, find_job, list_jobs, list_outcomes
from vitrine.visits.read_visits import read_visits
from vitrine.visits.responses import (
    JobResponse,
    PictureResponse,
    StatusResponse,
    SubmittedResponse,
    VisitsResponse,
    job_response,
    picture_response,
    status_response,
    visits_response,
)
from vitrine.visits.retry_job import retry_job
from vitrine.visits.submit_job import submit_job
from vitrine.visits.wiring import job_id_at, new_job_id, queues, submissions, visit_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.visits.model import Visit

_SUBMISSION_LIMIT_BYTES = 5 * 1024 * 1024
_STATUSES = ("ongoing", "completed", "failed")
_OUTCOMES = {"measured": False, "failed": True}
_DAY = timedelta(days=1)
_NAME = {"type": "string", "minLength": 1, "maxLength": 128}
_TIME = {"type": "string", "format": "date-time"}
_DAY_OR_TIME = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
_MOST_GALLERIES = 100

lambda_handler = app = HttpApp(
    check_quota=check_quota,
    note=note_outcome,
    saved_responses=saved_responses,
    body_limit_bytes=_SUBMISSION_LIMIT_BYTES,
)


def _assignment_error(error: ServiceError) -> Response:
    """An error in the assignment's form: 400 for everything that is wrong with the request."""
    if isinstance(error, NotFound):
        return Response(400, {"error": error.detail})
    if not isinstance(error, InvalidRequest):
        return Response(status_of(error), {"error": error.detail}, headers_of(error))
    rules = [f"{broken.pointer}: {broken.detail}".removeprefix(": ") for broken in error.errors[:3]]
    return Response(400, {"error": "; ".join(rules) or error.detail})


def _status_error(error: ServiceError) -> Response:
    return Response(400, {}) if isinstance(error, NotFound) else _assignment_error(error)


@app.post(
    "/api/submit",
    body="vitrine.visits.requests:SubmitJobRequest",
    responses={201: SubmittedResponse},
    on_error=_assignment_error,
)
def submit(request: Request) -> Response:
    """Submit a job: store visits with the pictures to measure."""
    from vitrine.visits.requests import SubmitJobRequest  # noqa: PLC0415 - readers never load bodies

    visits = [sent.visit() for sent in request.body(SubmitJobRequest).visits]
    images = sum(len(visit.urls) for visit in visits)
    if images > MOST_IMAGES:
        raise TooLarge(f"The job has {images} images; at most {MOST_IMAGES} are taken. Submit several jobs.")
    _check_galleries(request.merchant_id, visits)
    key = JobKey(request.merchant_id, new_job_id(request.now))
    submit_job(visit_store(), submissions(), queues(), Submission(key, request.now, visits))
    return Response(201, {"job_id": key.job_id})


@app.get(
    "/api/status",
    responses={200: StatusResponse},
    query={"jobid": {"type": "string"}},
    on_error=_status_error,
)
def get_status(request: Request) -> Response:
    """Read a job's status; for a failed job also the stores that failed, each with its first error."""
    job_id = request.query.get("jobid", "")
    if not is_id(job_id):
        raise NotFound("Job ID does not exist")
    key = JobKey(request.merchant_id, job_id)
    job = find_job(visit_store(), key)
    failures = visit_store().list_failures(key, job.attempt) if job.status == "failed" else ()
    return Response(200, status_response(job, failures))


@app.get(
    "/api/visits",
    responses={200: VisitsResponse},
    query={
        "area": _NAME,
        "storeid": _NAME,
        "startdate": _DAY_OR_TIME,
        "enddate": {**_DAY_OR_TIME, "x-not-before": "startdate"},
    },
    on_error=_assignment_error,
)
def get_visits(request: Request) -> Response:
    """Read the measured visits of a store, of an area or of all stores, from one day to another, both included."""
    query = request.query
    span = Span(_moment(query.get("startdate"), timedelta()), _moment(query.get("enddate"), _DAY))
    stores = read_visits(
        visit_store(),
        request.merchant_id,
        area=query.get("area"),
        store_id=query.get("storeid"),
        span=span,
    )
    return Response(200, visits_response(stores))


@app.get(
    "/jobs",
    responses={200: JobResponse},
    query={
        "status": {"type": "string", "enum": list(_STATUSES)},
        "store_id": _NAME,
        "from": _TIME,
        "to": {**_TIME, "x-not-before": "from"},
    },
    paged=True,
)
def get_jobs(request: Request) -> Response:
    """List jobs, newest first. `from` is included, `to` is not."""
    page = request.page(str)
    query = request.query
    wanted = JobFilter(
        status=query.get("status"),
        store_id=query.get("store_id"),
        first=job_id_at(query["from"]) if "from" in query else JobFilter().first,
        last=job_id_at(query["to"]) if "to" in query else JobFilter().last,
    )
    found = list_jobs(visit_store(), request.merchant_id, wanted, page.limit, page.state)
    return request.list_response([job_response(job) for job in found.jobs], found.next)


@app.get("/jobs/{job_id}", responses={200: JobResponse})
def get_job(request: Request) -> Response:
    """Read a job and its counts."""
    return Response(200, job_response(find_job(visit_store(), _key(request))))


@app.get(
    "/jobs/{job_id}/images",
    responses={200: PictureResponse},
    query={"status": {"type": "string", "enum": list(_OUTCOMES)}},
    paged=True,
)
def get_pictures(request: Request) -> Response:
    """List a job's pictures that were measured or failed, in the order of the submission."""
    page = request.page(int)
    wanted = request.query.get("status")
    found = list_outcomes(
        visit_store(),
        _key(request),
        failed=_OUTCOMES[wanted] if wanted else None,
        limit=page.limit,
        start=page.state or 0,
    )
    return request.list_response([picture_response(outcome) for outcome in found.outcomes], found.next)


@app.post("/jobs/{job_id}/retry", responses={202: JobResponse})
def retry(request: Request) -> Response:
    """Measure the failed pictures of a job again."""
    return Response(202, job_response(retry_job(visit_store(), queues(), _key(request))))


def _key(request: Request) -> JobKey:
    return JobKey(request.merchant_id, request.path_id("job_id"))


def _check_galleries(merchant_id: str, visits: Sequence[Visit]) -> None:
    named = {visit.gallery_id for visit in visits if visit.gallery_id}
    if not named:
        return
    from vitrine.galleries.read_gallery import find_gallery  # noqa: PLC0415 - few jobs publish
    from vitrine.galleries.wiring import gallery_repository  # noqa: PLC0415 - as above

    if len(named) > _MOST_GALLERIES:
        raise MalformedRequest(f"A job publishes to at most {_MOST_GALLERIES} galleries; submit several jobs.")
    for gallery_id in sorted(named):
        try:
            find_gallery(gallery_repository(), GalleryKey(merchant_id, gallery_id))
        except NotFound as error:
            raise MalformedRequest(
                f"Gallery {gallery_id} does not exist; create it before publishing to it."
            ) from error


def _moment(value: date | None, whole_day: timedelta) -> datetime | None:
    """The time that a date or time stands for: a date is its start, plus `whole_day`."""
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.combine(value, time(), UTC) + whole_day
    except OverflowError as error:
        raise MalformedRequest(f"{value} is the last day of the calendar; send an earlier one.") from error
