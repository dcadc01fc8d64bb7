"""OpenSearch that does not answer."""

from __future__ import annotations

import pytest
from opensearchpy import OpenSearch

from vitrine.platform.problems import Unavailable
from vitrine.search.model import Search
from vitrine.search.opensearch import OpenSearchFinder


def test_a_cluster_that_does_not_response_makes_search_unavailable_for_now() -> None:
    finder = OpenSearchFinder(OpenSearch("http://127.0.0.1:1", max_retries=0))
    with pytest.raises(Unavailable):
        finder.search("shop", Search(text="zebra"), None)
    with pytest.raises(Unavailable):
        finder.suggest("shop", "zebra", 10)
