"""An OpenSearch cluster that does not respond."""

from __future__ import annotations

import pytest
from opensearchpy import OpenSearch

from vitrine.platform.problems import Unavailable
from vitrine.search.model import Search
from vitrine.search.opensearch import OpenSearchFinder


def test_search_is_unavailable_while_the_cluster_does_not_respond() -> None:
    finder = OpenSearchFinder(OpenSearch("http://127.0.0.1:1", max_retries=0))
    with pytest.raises(Unavailable):
        finder.search("shop", Search(text="zebra"), None)
    with pytest.raises(Unavailable):
        finder.suggest("shop", "zebra", 10)
