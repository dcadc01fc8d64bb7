"""Which modules hold guards, and which tests promise to notice when one is broken."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[2] / "layers/vitrine/vitrine"

VISITS_FAULTS = "tests/faults/test_visits_faults.py"


class Room(NamedTuple):
    """A room's rules, its adapters' conditions, and its tests with the fastest first."""

    rules: tuple[str, ...]
    adapters: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = {
    "access": Room(
        ("access/model.py", "access/authorize_key.py", "access/note_outcome.py", "access/spend_quota.py"),
        ("access/dynamodb.py",),
        (
            "tests/unit/access",
            "tests/contract/test_access_repository.py",
            "tests/functions/test_every_route.py::TestQuotas",
            "tests/functions/test_authorizer.py",
            "tests/functions/test_logs.py",
            "tests/functions/test_merchants_command.py",
        ),
    ),
    "catalog": Room(
        ("catalog/model.py", "catalog/record_interactions.py"),
        ("catalog/dynamodb.py",),
        (
            "tests/functions/test_catalog_imports.py",
            "tests/functions/test_recommendations_cache.py",
            "tests/functions/test_recommendations.py",
            "tests/faults/test_interactions_faults.py",
        ),
    ),
    "engagement": Room(
        (
            "engagement/model.py",
            "engagement/count_events.py",
            "engagement/count_queued.py",
            "engagement/fold_counters.py",
            "engagement/queue_events.py",
            "engagement/plain_events.py",
            "engagement/put_off.py",
            "engagement/record_history.py",
            "engagement/watch_visitors.py",
        ),
        ("engagement/dynamodb.py",),
        (
            "tests/unit/engagement",
            "tests/functions/test_events_api.py",
            "tests/functions/test_queued_events.py",
            "tests/functions/test_suspects.py",
            "tests/functions/test_weights.py",
            "tests/functions/test_counter_history.py",
            "tests/faults/test_exactness.py",
        ),
    ),
    "galleries": Room(
        ("galleries/model.py",),
        ("galleries/dynamodb.py",),
        (
            "tests/unit/galleries",
            "tests/functions/test_galleries_api.py",
            "tests/functions/test_merchandising.py",
            "tests/functions/test_weights.py",
            "tests/faults/test_exactness.py",
        ),
    ),
    "imports": Room(
        ("imports/model.py", "imports/run_import.py", "imports/add_picture.py"),
        ("imports/dynamodb.py",),
        (
            "tests/unit/imports",
            "tests/contract/test_import_repository.py",
            "tests/functions/test_imports_api.py",
            "tests/functions/test_import_worker.py",
            "tests/functions/test_picture_uploads.py",
            "tests/faults/imports",
        ),
    ),
    "platform": Room(
        ("platform/budget.py", "platform/cursors.py", "platform/fetcher.py", "platform/sealing.py"),
        (),
        ("tests/unit/platform", "tests/functions/test_galleries_api.py", "tests/unit/visits/test_hostile_pictures.py"),
    ),
    "ranking": Room(("ranking/model.py", "ranking/merchandising.py"), (), ("tests/unit/ranking",)),
    "renditions": Room(
        ("renditions/model.py",),
        ("renditions/dynamodb.py",),
        (
            "tests/unit/renditions",
            "tests/functions/test_mirror_images.py",
            "tests/functions/test_renditions_api.py",
            "tests/faults/test_mirroring_faults.py",
        ),
    ),
    "recommendations": Room(
        (
            "recommendations/model.py",
            "recommendations/recent.py",
            "recommendations/build_model.py",
            "recommendations/refresh_shortlists.py",
        ),
        ("recommendations/dynamodb.py",),
        (
            "tests/unit/recommendations",
            "tests/contract/test_recommendations_repositories.py",
            "tests/functions/test_recent_touches.py",
            "tests/functions/test_recommendations_cache.py",
            "tests/functions/test_recommendations.py",
            "tests/faults/test_models_faults.py",
        ),
    ),
    "review": Room(
        ("review/model.py", "review/judge_snapshot.py", "review/claim_snapshots.py"),
        ("review/dynamodb.py",),
        (
            "tests/unit/review",
            "tests/contract/test_review_repository.py",
            "tests/functions/test_review_api.py",
            "tests/faults/test_review_faults.py",
        ),
    ),
    "search": Room(
        ("search/model.py", "search/queries.py", "search/count_queries.py", "search/learn_queries.py"),
        ("search/dynamodb.py",),
        (
            "tests/unit/search",
            "tests/functions/test_search_api.py",
            "tests/functions/test_queries.py",
            "tests/faults/test_search_publication.py",
            "tests/faults/test_queries_faults.py",
        ),
    ),
    "visits": Room(
        ("visits/model.py", "visits/isobmff.py", "visits/measure_group.py"),
        ("visits/dynamodb.py",),
        (
            "tests/unit/visits",
            "tests/functions/test_visit_groups.py",
            "tests/functions/test_visit_leftovers.py",
            "tests/functions/test_visits_api.py",
            f"{VISITS_FAULTS}::test_a_job_that_is_over_shows_all_that_it_found",
            f"{VISITS_FAULTS}::test_messages_that_come_twice_and_in_any_order_change_nothing[0]",
            f"{VISITS_FAULTS}::test_a_worker_that_dies_between_any_two_calls_changes_nothing[after-call-kill]",
            f"{VISITS_FAULTS}::test_a_retry_that_is_cut_anywhere_still_does_only_what_failed[before-call-kill]",
        ),
    ),
}
