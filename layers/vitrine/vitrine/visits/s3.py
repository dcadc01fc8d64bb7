"""Submissions as S3 objects, which expire."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

from vitrine.platform.dynamodb import translated
from vitrine.platform.times import from_rfc3339, to_rfc3339
from vitrine.visits.model import Visit
from vitrine.visits.ports import Submission

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from vitrine.visits.model import JobKey

_FAST = 1


class S3Submissions:
    """Submissions in a bucket, each under its merchant and job."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, submission: Submission) -> None:
        """Store a submission."""
        visits = [
            [
                visit.store_id,
                to_rfc3339(visit.visited_at),
                visit.urls,
                visit.gallery_id,
                visit.review,
                visit.product_id,
            ]
            for visit in submission.visits
        ]
        content = json.dumps({"created_at": to_rfc3339(submission.created_at), "visits": visits})
        body = gzip.compress(content.encode(), _FAST)
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=_object_key(submission.key), Body=body)

    def read(self, key: JobKey) -> Submission:
        """Return a stored submission."""
        body = self._client.get_object(Bucket=self._bucket, Key=_object_key(key))["Body"].read()
        content = json.loads(gzip.decompress(body))
        visits = [
            Visit(store_id, from_rfc3339(visited_at), tuple(urls), *publication)
            for store_id, visited_at, urls, *publication in content["visits"]
        ]
        return Submission(key, from_rfc3339(content["created_at"]), visits)


def _object_key(key: JobKey) -> str:
    return f"submissions/{key.merchant_id}/{key.job_id}.json.gz"
