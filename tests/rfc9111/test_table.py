"""RFC 9111, section by section: what it requires, in our words, and the test that shows it.

Every section with a word in capitals has at least as many rows of that word. A row without a test
says whom the sentence binds instead of a shared cache.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent.parent
TEXT = TESTS.parent.parent / "shared" / "rfc" / "rfc9111.txt"

# Tests stand here by their module in this folder (or from the folder of tests, with a slash), and
# by their name, each without its test_.
TABLE_TEXT = """
§1.1
    MUST what the words in capitals mean
        binds readers
§1.2.2
    MUST seconds that are too many count as 2^31
        freshness::cache_control
§3
    MUST NOT store the response to a method that is not understood
        storing::a_response_to_another_method_is_not_stored
    MUST NOT store what is not final
        storing::an_interim_status_is_not_stored
    MUST NOT store a 206 that is not understood
        /partial::a_206_that_is_not_stored
    MUST NOT store a 304
        validating::nothing_stored_and_the_apps_304_is_the_clients
    MUST NOT store must-understand with a status that is not understood
        freshness::must_understand
    MUST NOT store no-store
        storing::no_store_leaves_nothing
    MUST NOT store private, as a shared cache
        freshness::cache_control
    MUST NOT store the answer to one with credentials unless it is allowed
        storing::a_response_to_one_with_credentials
    MUST NOT store without public, Expires, max-age, s-maxage or a status that allows it
        freshness::heuristic_freshness_of_a_status
§3.1
    MUST store all fields, those that are not known too
        storing::a_field_is_stored_as_it_came
    MAY leave out Connection and what it lists
        storing::what_connection_lists_is_not
    MAY leave out other fields of one connection
        storing::a_field_of_one_connection_goes_no_further
    MUST NOT store the fields of a proxy
        storing::a_field_of_one_connection_is_not
    MUST NOT mix trailer fields with header fields
        binds caches that see trailers: WSGI has none
§3.2
    MUST update every field that the new response has
        validating::a_304_updates
    MUST but Content-Length and what is not stored
        validating::a_304_does_not_update_how_the_content_is_framed
    SHOULD leave out no more than integrity asks for
        rules/validation::not_updated
§3.3
    MUST NOT store parts without understanding Range, Content-Range and the unit
        /partial::a_206_that_is_not_stored
    MUST NOT answer from a part more than a range within it
        /partial::what_does_not_lie_within_it_is_forwarded
    MUST NOT answer a plain request from a part
        /partial::a_plain_request_never_gets_a_part
    MUST NOT send a part as anything but a 206
        /partial::a_range_within_a_part_is_cut_out_of_it
    MAY complete a part by asking for the rest
        /partial::a_plain_request_asks_for_the_rest
§3.4
    MAY combine parts that share a strong validator, and no others
        /partial::parts_join_by_the_same_strong_tag_only
    MUST update the fields by those of the new part
        /partial::the_new_part_updates_the_fields
§3.5
    MUST NOT reuse the answer to one with credentials unless a directive allows it
        storing::a_response_to_one_with_credentials
    MUST NOT nor without doing what that directive asks
        storing::must_revalidate_is_validated_for_those_with_credentials
§4
    MUST NOT reuse for another target URI
        selecting::target
    MUST NOT reuse for another origin
        selecting::origin
    MUST NOT reuse for a method that it does not allow
        selecting::a_head_is_answered_by_a_get
    MUST NOT reuse where the nominated fields differ
        selecting::vary
    MUST NOT reuse no-cache without validation
        rules/reuse::decide
    MUST NOT reuse what is stale, where nothing allows it
        freshness::explicit_freshness_of_a_status
    MUST say the age of what is reused, in place of any other
        freshness::a_reuse_says_its_age
    MUST write unsafe methods through
        invalidating::it_is_written_through
    MAY let requests wait for one
        rules/collapsing::collapsing
    MUST use the newest of several responses
        storing::the_newest_response_is_used
    MUST validate always, without a clock
        binds caches without a clock
§4.1
    MUST NOT use a response whose nominated fields differ, without validation
        selecting::vary
    MUST NOT let a star in Vary match
        selecting::a_star_never_matches
    SHOULD prefer the newest with a Vary where others have none
        selecting::a_response_that_omits_vary_is_not_preferred
§4.2
    SHOULD read dates in any case
        freshness::forms_of_expires
    MUST round a date down, if at all
        rules/freshness::explicit_lifetime
    MUST NOT let the local time zone count
        freshness::time_zones_of_the_machine_do_not_count
    SHOULD take a zone that is not GMT for no date
        freshness::forms_of_expires
§4.2.1
    MAY take s-maxage, max-age, Expires less Date, in that order
        rules/freshness::explicit_lifetime
    MAY take the shorter of two, and what is invalid for stale
        freshness::cache_control
§4.2.2
    MAY guess by Last-Modified
        freshness::a_tenth_of_its_age
    MUST NOT guess where an expiration time is given
        freshness::heuristics_are_for_what_says_nothing
    MUST NOT guess for a status that does not allow it
        freshness::heuristic_freshness_of_a_status
§4.2.3
    MUST count the age from when the request was made
        rules/freshness::corrected_initial_age
§4.2.4
    MUST NOT serve stale what a directive forbids
        requests::the_app_fails
    MUST NOT serve stale what nothing allows
        requests::wishes
§4.3.1
    MUST send the entity tag of what is validated
        validating::the_validators_that_are_sent
    SHOULD send its Last-Modified too
        validating::the_validators_that_are_sent
§4.3.2
    SHOULD evaluate the conditions of a request that can be satisfied
        validating::a_fresh_response_and_a_condition
    MUST NOT evaluate conditions for the origin
        validating::conditions_for_the_origin_are_not_evaluated
    MUST NOT evaluate conditions about what is not stored
        validating::nothing_stored_and_a_condition_is_the_apps
    SHOULD compare If-Modified-Since with Date where Last-Modified is not given
        validating::a_fresh_response_and_a_condition
    MUST NOT send the tag of a part for more than that part
        /partial::more_than_the_part_is_not_validated_by_its_tag
    MUST answer 200 where the tag of the 304 is none of the client's
        validating::a_validated_response_and_a_condition
§4.3.3
    MUST use a full response to a validation
        validating::a_full_response_is_used_and_replaces
§4.3.4
    MUST NOT update by a 304 whose strong validator is none of the stored
        validating::a_304_about_something_else_updates_nothing
    MUST update what a 304 is about
        validating::a_304_updates
§4.3.5
    SHOULD update or invalidate by the 200 to a HEAD
        validating::a_head_updates_or_makes_stale
    SHOULD update where validators and length match
        validating::a_head_updates_or_makes_stale
    SHOULD take it for stale where they do not
        validating::a_head_with_a_changed_validator_makes_it_stale
    MUST use the fields of the HEAD's answer
        validating::a_head_updates_or_makes_stale
§4.4
    MUST invalidate the target URI after an unsafe method's success
        invalidating::a_success_invalidates
    MAY invalidate Location and Content-Location
        invalidating::what_it_names_of_the_same_origin_too
    MUST NOT invalidate by a name of another origin
        invalidating::references
§5.1
    SHOULD take the first of several ages
        freshness::age
    SHOULD ignore an age that is none
        freshness::age
§5.2
    MUST pass directives on, in both directions
        storing::directives_pass_through
§5.2.1
    MAY heed what requests ask for
        requests::wishes
§5.2.1.1
    MUST NOT quote max-age
        binds senders
    MAY heed max-age, and serve nothing stale then
        rules/reuse::request_directives
§5.2.1.2
    MUST NOT quote max-stale
        binds senders
    MAY heed max-stale, within its bounds
        requests::max_stale_has_bounds
§5.2.1.3
    MUST NOT quote min-fresh
        binds senders
    MAY heed min-fresh
        requests::wishes
§5.2.1.4
    MAY validate for no-cache
        requests::a_wish_validates
§5.2.1.5
    MUST NOT store the answer to no-store
        storing::no_store_in_the_request
    MUST NOT let it come into a store on purpose
        rules/storing::refusal_for_the_requests_sake
    MUST let go of it after forwarding
        storing::no_store_in_the_request
§5.2.1.7
    SHOULD answer only-if-cached from the store or with 504
        requests::only_if_cached
§5.2.2
    MUST obey the directives of responses
        freshness::cache_control
§5.2.2.1
    MUST NOT quote max-age
        binds senders
§5.2.2.2
    MUST NOT reuse must-revalidate when stale, without validation
        requests::wishes
    MUST NOT ignore it, whatever happens
        rules/reuse::may_stand_in
    MUST answer with an error where the app is out of reach
        requests::the_app_fails
    SHOULD make that a 504, unless another is better: it is what the server makes of the exception
        requests::the_app_fails
§5.2.2.3
    SHOULD send no-store beside must-understand
        binds origin servers
    SHOULD ignore no-store beside must-understand with a status that is understood
        freshness::must_understand
§5.2.2.4
    MUST NOT use no-cache without validation
        rules/reuse::decide
    MAY use it without the fields that it names
        storing::what_a_directive_lists_is_not
    SHOULD NOT send its argument unquoted
        binds senders
§5.2.2.5
    MUST NOT store no-store
        storing::no_store_leaves_nothing
    MUST NOT use it for another request
        /origin/flights::fifty_users_get_fifty_pages
    MUST NOT let it come into a store on purpose
        rules/storing::refusal
    MUST let go of it after forwarding
        storing::an_older_response_is_not_used_once_a_newer_says_so
§5.2.2.6
    MUST NOT transform the content of no-transform
        storing::content_is_never_transformed
§5.2.2.7
    MUST NOT store private, as a shared cache
        freshness::cache_control
    MUST NOT store the fields that private names
        storing::what_a_directive_lists_is_not
    SHOULD NOT send its argument unquoted
        binds senders
§5.2.2.8
    MUST NOT reuse proxy-revalidate when stale, without validation
        requests::wishes
§5.2.2.9
    MAY store public though it would not be otherwise
        freshness::heuristic_freshness_of_a_status
§5.2.2.10
    MUST NOT reuse s-maxage when stale, without validation
        requests::wishes
    MUST NOT quote s-maxage
        binds senders
§5.2.3
    MUST ignore directives that are not known
        freshness::cache_control
§5.2.4
    MUST what a registration says
        binds those who register directives
§5.3
    MUST take what is no date for the past
        freshness::forms_of_expires
    MUST ignore Expires beside max-age
        freshness::expires
    MUST ignore Expires beside s-maxage
        freshness::expires
    MUST NOT send Expires without a clock
        binds origin servers
§5.4
    MAY take Pragma: no-cache for Cache-Control: no-cache where there is none
        requests::pragma
§5.5
    MAY send no Warning
        requests::no_warning_is_made
§7.1
    MAY let no request poison another's answer
        /attacks/keys::a_poisoned_404_does_not_hide_the_page
§7.3
    MAY store Set-Cookie, or refuse to
        storing::cookies_are_fields_like_any
"""


class Clause(NamedTuple):
    """What one sentence requires."""

    section: str
    word: str
    what: str
    shown: str
    """Module and function of its test, or whom it binds."""


def clauses(text: str) -> Iterator[Clause]:
    """The rows of the table as written above."""
    section = word = what = ""
    for line in text.strip().splitlines():
        if line.startswith("§"):
            section = line[1:]
        elif found := re.fullmatch(r" {4}((?:MUST|SHOULD)(?: NOT)?|MAY) (.+)", line):
            word, what = found.groups()
        else:
            yield Clause(section, word, what, line.strip())


TABLE = list(clauses(TABLE_TEXT))

NORMATIVE = """
    1.1 1.2.2 3 3.1 3.2 3.3 3.4 3.5 4 4.1 4.2 4.2.2 4.2.3 4.2.4 4.3.1 4.3.2 4.3.3 4.3.4 4.3.5 4.4
    5.1 5.2 5.2.1.1 5.2.1.2 5.2.1.3 5.2.1.5 5.2.1.7 5.2.2 5.2.2.1 5.2.2.2 5.2.2.3 5.2.2.4 5.2.2.5
    5.2.2.6 5.2.2.7 5.2.2.8 5.2.2.10 5.2.3 5.2.4 5.3
""".split()
"""The sections that say MUST or SHOULD."""


@cache
def functions(module: str) -> frozenset[str]:
    """The functions of a module, as the table names both."""
    folder, _, name = module.rpartition("/") if "/" in module else ("rfc9111", "", module)
    path = TESTS / folder.lstrip("/") / f"test_{name}.py"
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(
    "clause", TABLE, ids=[f"{row.section} {row.word} {row.what}"[:60] for row in TABLE]
)
def test_each_clause_is_shown_or_binds_somebody_else(clause: Clause) -> None:
    module, shown, name = clause.shown.partition("::")
    if shown:
        assert f"test_{name}" in functions(module)
    else:
        assert clause.shown.startswith("binds ")


def test_each_section_has_a_row() -> None:
    assert [section for section in NORMATIVE if section not in {row.section for row in TABLE}] == []


def test_the_rows_are_in_the_order_of_the_text() -> None:
    order = [tuple(map(int, row.section.split("."))) for row in TABLE]
    assert order == sorted(order)


def sections() -> dict[str, str]:
    """The text of each section, without what it only mentions in quotes."""
    text = TEXT.read_text("utf-8")
    text = text[text.index("\n1. Introduction\n") : text.index("\nAppendix A.")]
    parts = re.split(r"^([1-9](?:\.[0-9]+)*)\. (?=[A-Za-z])", text, flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {number: re.sub(r'"[^"]*"', "", part) for number, part in pairs}


@pytest.mark.skipif(not TEXT.exists(), reason="the text of RFC 9111 is not here")
def test_the_table_is_that_of_the_text() -> None:
    """Each word in capitals has a row of its own, at least."""
    missing = []
    said = []
    rows = Counter((row.section, row.word) for row in TABLE)
    for section, text in sections().items():
        if section == "1.1":  # which quotes them all
            said.append(section)
            continue
        words = Counter(re.findall(r"\b(?:MUST|SHOULD)(?:\s+NOT)?\b", text))
        counted = Counter({re.sub(r"\s+", " ", word): n for word, n in words.items()})
        if counted:
            said.append(section)
        missing += [(section, word) for word, n in counted.items() if rows[section, word] < n]
    assert missing == []
    assert said == NORMATIVE
