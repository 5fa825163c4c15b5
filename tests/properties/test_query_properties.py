"""Queries as an algebra, and the names that they stand on."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

import everfold as ef
from everfold.events.query import QueryItem
from everfold.events.stream import category_of, check_stream_name, check_tag

TYPES = ("a", "b", "c")
CATEGORIES = ("x", "y")
TAGS = ("t:1", "t:2", "t:3")


def some(values, **bounds):
    return st.lists(st.sampled_from(values), max_size=3, **bounds)


plain_queries = st.builds(ef.Query, types=some(TYPES), categories=some(CATEGORIES), tags=some(TAGS))
queries = st.recursive(
    plain_queries, lambda inner: st.tuples(inner, inner).map(lambda two: two[0] | two[1]), max_leaves=5
)
events = st.tuples(st.sampled_from(TYPES), st.none() | st.sampled_from(CATEGORIES), some(TAGS))
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=255)
names = st.text("-ab$é😀", min_size=1, max_size=12) | any_text


@given(queries, queries, events)
def test_a_query_or_another_matches_what_either_matches(one, other, event):
    assert (one | other).matches(*event) == (one.matches(*event) or other.matches(*event))


@given(queries, queries, queries)
def test_or_has_no_grouping_and_ignores_repetition(one, two, three):
    assert (one | two) | three == one | (two | three)
    assert one | one == one
    assert hash(one | one) == hash(one)


@given(queries, events)
def test_a_query_that_restricts_nothing_matches_everything_and_so_does_it_with_another(query, event):
    assert ef.Query().matches(*event)
    assert (query | ef.Query()).matches(*event)
    assert (query | ef.Query()).everything


@given(some(TYPES), some(CATEGORIES), some(TAGS), events)
def test_types_are_alternatives_categories_too_and_tags_are_all_needed(types, categories, tags, event):
    type_name, category, its_tags = event
    expected = (
        (type_name in types or not types)
        and (category in categories or not categories)
        and all(tag in its_tags for tag in tags)
    )
    assert ef.Query(types=types, categories=categories, tags=tags).matches(*event) == expected


@given(some(TAGS), some(TAGS))
def test_each_tag_of_a_query_is_needed(wanted, tags):
    assert ef.Query(tags=wanted).matches("a", None, tags) == all(tag in tags for tag in wanted)


@given(some(TYPES), some(CATEGORIES), some(TAGS), events)
def test_a_query_means_the_tighter_of_its_parts(types, categories, tags, event):
    whole = ef.Query(types=types, categories=categories, tags=tags)
    parts = [ef.Query(types=types), ef.Query(categories=categories), ef.Query(tags=tags)]
    assert whole.matches(*event) == all(part.matches(*event) for part in parts)


@given(some(TAGS), st.randoms(use_true_random=False))
def test_tags_have_no_order_and_no_repetition(tags, random):
    shuffled = random.sample(tags, len(tags)) + tags
    assert ef.Query(tags=tags) == ef.Query(tags=shuffled)
    assert ef.Query(tags=shuffled).items[0].tags == tuple(sorted(set(tags)))


@given(queries)
def test_a_query_survives_pickling_and_is_made_of_its_items(query):
    assert pickle.loads(pickle.dumps(query)) == query
    assert ef.Query.of(query.items) == query
    assert all(isinstance(item, QueryItem) for item in query.items)


@given(queries)
def test_a_query_reads_as_the_code_that_makes_it(query):
    assert eval(repr(query), {"Query": ef.Query}) == query


@given(names)
def test_a_name_begins_with_its_category_and_the_category_has_no_hyphen(name):
    category = category_of(name)
    assert name.startswith(category)
    assert "-" not in category
    assert name == category or name[len(category)] == "-"


@given(names.filter(lambda name: "-" not in name), names)
def test_a_category_and_an_id_give_the_category_back(category, stream_id):
    assert category_of(f"{category}-{stream_id}") == category


@given(names)
def test_a_name_that_can_be_stored_comes_back_unchanged(name):
    assert check_tag(name) == name
    assert check_stream_name(name, system=True) == name
    if not name.startswith("$"):
        assert check_stream_name(name) == name
