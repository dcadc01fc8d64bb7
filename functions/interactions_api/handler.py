"""What shoppers did with products, over HTTP."""

from __future__ import annotations

from vitrine.access.wiring import admit
from vitrine.catalog.answers import ErasureAnswer, InteractionAnswer, RecordedInteractionsAnswer, interaction_answer
from vitrine.catalog.model import UserKey
from vitrine.catalog.record_interactions import record_interactions, remove_interaction
from vitrine.catalog.wiring import interaction_store
from vitrine.platform.http import Answer, HttpApp, Request
from vitrine.platform.wiring import replays
from vitrine.recommendations.wiring import entries, shortlist_tasks

lambda_handler = app = HttpApp(admit=admit, replays=replays)


@app.route(
    "POST",
    "/interactions",
    body="vitrine.catalog.bodies:PostInteractions",
    answers={202: RecordedInteractionsAnswer},
)
def post(request: Request) -> Answer:
    """Add or change interactions, each once by its id; answered when all are stored."""
    from vitrine.catalog.bodies import PostInteractions  # noqa: PLC0415 - readers never load bodies

    sent = [it.sent(it.user_id, it.interaction_id) for it in request.body(PostInteractions).interactions]
    recorded = record_interactions(interaction_store(), request.merchant_id, sent, entries().drop)
    return Answer(
        202,
        {"results": [{"interaction_id": it.interaction.interaction_id, "status": it.status} for it in recorded]},
    )


@app.route(
    "PUT",
    "/users/{user_id}/interactions/{interaction_id}",
    body="vitrine.catalog.bodies:PutInteraction",
    answers={200: InteractionAnswer, 201: InteractionAnswer},
)
def put(request: Request) -> Answer:
    """Add or change one interaction."""
    from vitrine.catalog.bodies import PutInteraction  # noqa: PLC0415 - readers never load bodies

    user = _user(request)
    sent = request.body(PutInteraction).sent(user.user_id, request.path_id("interaction_id"))
    [recorded] = record_interactions(interaction_store(), user.merchant_id, [sent], entries().drop)
    return Answer(201 if recorded.status == "created" else 200, interaction_answer(recorded.interaction))


@app.route("DELETE", "/users/{user_id}/interactions/{interaction_id}", answers={204: None})
def delete(request: Request) -> Answer:
    """Take one interaction away."""
    remove_interaction(interaction_store(), _user(request), request.path_id("interaction_id"))
    return Answer(204)


@app.route("GET", "/users/{user_id}/interactions", answers={200: InteractionAnswer}, paged=True)
def list_interactions(request: Request) -> Answer:
    """List a user's interactions, newest first."""
    page = request.page(str)
    found, after = interaction_store().newest_interactions(_user(request), page.limit, page.state)
    return request.list_answer([interaction_answer(it) for it in found], after)


@app.route("DELETE", "/users/{user_id}", answers={202: ErasureAnswer})
def erase(request: Request) -> Answer:
    """Erase a user: interactions, purchases and all that was made of them."""
    user = _user(request)
    entries().drop(user)
    shortlist_tasks().erase(user)
    return Answer(202, {"status": "erasing"})


def _user(request: Request) -> UserKey:
    return UserKey(request.merchant_id, request.path_id("user_id"))
