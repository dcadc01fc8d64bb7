"""Models learned by Athena on files in S3, for merchants whose interactions outgrow one machine.

Trino computes a named subquery again wherever it is named. So each step's result is stored as a file with a table
over it, which later steps read.
"""

from __future__ import annotations

import csv
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.catalog.model import PARTS
from vitrine.recommendations.learn_model import TABLES, statements
from vitrine.recommendations.model import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_s3 import S3Client

    from vitrine.recommendations.ports import Files

_POLL_SECONDS = 0.2
_SLOWEST_POLL_SECONDS = 5.0
_TYPES = {"varchar": "string", "integer": "int"}


class QueryFailed(Exception):
    """Athena failed to run a statement."""


class _Result(NamedTuple):
    columns: Mapping[str, str]
    lines: Iterator[str]


class AthenaEngine:
    """Learns in a workgroup that stores its results in the files' bucket under `athena/`."""

    def __init__(  # noqa: PLR0913, PLR0917 - one place each
        self, athena: AthenaClient, s3: S3Client, files: Files, bucket: str, workgroup: str, database: str
    ) -> None:
        self._athena = athena
        self._s3 = s3
        self._files = files
        self._bucket = bucket
        self._workgroup = workgroup
        self._database = database

    def learn(self, tables: str, results: str, now_seconds: float, half_life_days: int) -> None:
        created: list[str] = []
        selects = {table: self._create_table(tables, table, columns, created) for table, columns in TABLES.items()}
        try:
            sql = partial(statements, now_seconds=now_seconds, half_life_days=half_life_days)
            whole = sql()
            for step, slices in whole.steps.items():
                if step in whole.views:
                    [selects[step]] = slices
                    continue
                for number, query in enumerate([self._start(select, selects) for select in slices]):
                    result = self._result(query)
                    self._files.write_once(f"{tables}/{step}/{number:02}.csv.gz", result.lines)
                selects[step] = self._create_table(tables, step, result.columns, created)
            parts = {f"neighbours-{part:02}": part for part in range(PARTS)}
            queries = {
                name: self._start(sql(part=part).parts[name.split("-")[0]], selects)
                for name, part in {"popular": 0, **parts}.items()
            }
            for name, query in queries.items():
                self._files.write_once(f"{results}/{name}.csv", self._result(query).lines)
        finally:
            for table in created:
                self._execute(f"DROP TABLE IF EXISTS {table}")

    def _create_table(self, tables: str, name: str, columns: Mapping[str, str], created: list[str]) -> str:
        """Create a table over files; return the SELECT that reads it."""
        table = f"run_{number_of(tables)}_{name}"
        listed = ", ".join(f"`{column}` {_TYPES.get(kind, kind)}" for column, kind in columns.items())
        created.append(table)
        self._execute(f"DROP TABLE IF EXISTS {table}")
        self._execute(
            f"CREATE EXTERNAL TABLE {table} ({listed}) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' "
            f"LOCATION 's3://{self._bucket}/{tables}/{name}/'"
        )
        return f"SELECT * FROM {table}"  # noqa: S608 # nosec B608 - our own name

    def _execute(self, statement: str) -> None:
        self._wait(self._begin(statement))

    def _start(self, select: str, selects: Mapping[str, str]) -> str:
        steps = ",\n".join(f"{name} AS (\n{text}\n)" for name, text in selects.items())
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

    def _result(self, query: str) -> _Result:
        self._wait(query)
        response = self._athena.get_query_results(QueryExecutionId=query, MaxResults=1)
        columns = {
            column["Name"]: column["Type"] for column in response["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        }
        return _Result(columns, self._lines(query))

    def _lines(self, query: str) -> Iterator[str]:
        """Yield the rows of a result as our files have them: without headings or quotes. Delete the result."""
        listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=f"athena/{query}")["Contents"]
        [name] = [entry["Key"] for entry in listed if entry["Key"].endswith(".csv")]
        body: Any = self._s3.get_object(Bucket=self._bucket, Key=name)["Body"]
        rows = csv.reader(line.decode() for line in body.iter_lines(1024 * 1024))
        next(rows)
        yield from (",".join(row) + "\n" for row in rows)
        for entry in listed:
            self._s3.delete_object(Bucket=self._bucket, Key=entry["Key"])
