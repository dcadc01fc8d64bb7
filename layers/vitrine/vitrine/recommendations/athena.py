"""Models learned by Athena, from files in S3 to files in S3, for merchants whose interactions outgrow one machine.

A step's result is a file that a table is laid over, so that Trino, which computes what it reads by name as often as
it is named, reads it instead.
"""

from __future__ import annotations

import csv
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.catalog.model import PARTS
from vitrine.recommendations.learn_model import TABLES, statements
from vitrine.recommendations.model import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_s3 import S3Client

    from vitrine.recommendations.s3 import S3Files

_POLL_SECONDS = 0.2
_SLOWEST_POLL_SECONDS = 5.0
_TYPES = {"varchar": "string", "integer": "int"}


class QueryFailed(Exception):
    """Athena could not do a statement."""


class _Answer(NamedTuple):
    columns: Mapping[str, str]
    lines: Iterator[str]


class AthenaEngine:
    """Learns with statements of a workgroup, whose results lie in the bucket of the files under `athena/`."""

    def __init__(  # noqa: PLR0913, PLR0917 - where everything lies
        self, athena: AthenaClient, s3: S3Client, files: S3Files, bucket: str, workgroup: str, database: str
    ) -> None:
        self._athena = athena
        self._s3 = s3
        self._files = files
        self._bucket = bucket
        self._workgroup = workgroup
        self._database = database

    def learn(self, tables: str, results: str, now_seconds: float) -> None:
        """From the files under `tables` to those under `results`, with the SQL of `learn.sql`."""
        laid: list[str] = []
        known = {table: self._lay(tables, table, columns, laid) for table, columns in TABLES.items()}
        try:
            whole = statements(now_seconds=now_seconds)
            for step, select in whole.steps.items():
                if step in whole.views:
                    known[step] = select
                    continue
                response = self._response(self._start(select, known))
                self._files.write_once(f"{tables}/{step}/00.csv.gz", response.lines)
                known[step] = self._lay(tables, step, response.columns, laid)
            parts = {f"neighbours-{part:02}": part for part in range(PARTS)}
            queries = {
                name: self._start(statements(now_seconds=now_seconds, part=part).parts[name.split("-")[0]], known)
                for name, part in {"popular": 0, **parts}.items()
            }
            for name, query in queries.items():
                self._files.write_once(f"{results}/{name}.csv", self._response(query).lines)
        finally:
            for table in laid:
                self._do(f"DROP TABLE IF EXISTS {table}")

    def _lay(self, tables: str, name: str, columns: Mapping[str, str], laid: list[str]) -> str:
        """A table over files; answers the SELECT that reads it."""
        table = f"run_{number_of(tables)}_{name}"
        listed = ", ".join(f"`{column}` {_TYPES.get(kind, kind)}" for column, kind in columns.items())
        laid.append(table)
        self._do(f"DROP TABLE IF EXISTS {table}")
        self._do(
            f"CREATE EXTERNAL TABLE {table} ({listed}) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' "
            f"LOCATION 's3://{self._bucket}/{tables}/{name}/'"
        )
        return f"SELECT * FROM {table}"  # noqa: S608 # nosec B608 - a name of ours

    def _do(self, statement: str) -> None:
        self._wait(self._begin(statement))

    def _start(self, select: str, known: Mapping[str, str]) -> str:
        steps = ",\n".join(f"{name} AS (\n{text}\n)" for name, text in known.items())
        return self._begin(f"WITH {steps}\n{select}")

    def _begin(self, statement: str) -> str:
        response = self._athena.start_query_execution(
            QueryString=statement,
            QueryExecutionContext={"Database": self._database},
            WorkGroup=self._workgroup,
        )
        return str(response["QueryExecutionId"])

    def _wait(self, query: str) -> None:
        pause = _POLL_SECONDS
        while True:
            status = self._athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] in {"FAILED", "CANCELLED"}:
                raise QueryFailed(status.get("StateChangeReason", status["State"]))
            time.sleep(pause)
            pause = min(2 * pause, _SLOWEST_POLL_SECONDS)

    def _response(self, query: str) -> _Answer:
        self._wait(query)
        told = self._athena.get_query_results(QueryExecutionId=query, MaxResults=1)
        columns = {it["Name"]: it["Type"] for it in told["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]}
        return _Answer(columns, self._lines(query))

    def _lines(self, query: str) -> Iterator[str]:
        """The rows of a result as our files have them: no headings, nothing quoted."""
        listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=f"athena/{query}")["Contents"]
        [name] = [it["Key"] for it in listed if it["Key"].endswith(".csv")]
        body: Any = self._s3.get_object(Bucket=self._bucket, Key=name)["Body"]
        rows = csv.reader(line.decode() for line in body.iter_lines(1024 * 1024))
        next(rows)
        yield from (",".join(row) + "\n" for row in rows)
        for it in listed:
            self._s3.delete_object(Bucket=self._bucket, Key=it["Key"])
