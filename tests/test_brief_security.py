"""Every row of the security brief, B1 to B17, has tests that fail when the row no longer holds."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SHOWN_BY: dict[str, tuple[str, ...]] = {
    "B1": (
        "tour/test_tour.py::test_the_official_client_completes_the_tour",
        "test_extension.py::test_the_sign_in_and_the_tools_work_inside_the_host",
        "test_testing.py::test_the_tokens_of_sentry_never_reach_the_client",
    ),
    "B2": (
        "oauth/test_at_rest.py::test_a_dump_of_the_store_shows_no_secret",
        "oauth/test_transactions.py::test_state_works_once",
        "oauth/test_transactions.py::test_forged_state_is_refused",
        "workers/test_workers.py::test_any_worker_serves_anybody_and_a_restart_signs_nobody_out",
    ),
    "B3": (
        "oauth/test_approval_memory.py::test_a_first_visit_needs_the_page",
        "oauth/test_approval_memory.py::test_an_approved_client_is_remembered",
        "oauth/test_approval_memory.py::test_another_client_needs_its_own_approval",
        "oauth/test_approval_memory.py::test_another_request_needs_its_own_approval",
    ),
    "B4": (
        "oauth/test_at_rest.py::test_a_dump_of_the_store_shows_no_secret",
        "oauth/test_bearer.py::test_a_token_is_good_for_its_resource_and_what_is_in_it",
        "store/test_vault.py::test_the_database_alone_does_not",
    ),
    "B5": (
        "oauth/test_authorize.py::test_shows_the_page_and_writes_nothing",
        "oauth/test_authorize.py::test_the_client_is_told_by_redirect",
        "oauth/test_approval.py::test_approve_goes_on_to_sentry",
        "oauth/test_approval.py::test_deny_tells_the_client",
        "oauth/test_callback.py::test_code_state_and_issuer_go_to_the_client",
    ),
    "B6": (
        "oauth/test_authorize.py::test_the_scopes_of_the_brief_are_accepted",
        "oauth/test_transactions.py::test_only_the_scopes_of_the_ticked_skills_are_asked_of_sentry",
    ),
    "B7": (
        "oauth/test_bearer.py::test_the_context_says_who_calls_and_what_they_may",
        "oauth/test_bearer.py::test_the_context_shows_no_token",
        "mcp/test_calls.py::test_the_tool_receives_the_caller",
    ),
    "B8": (
        "security/test_regions.py::test_speaks_to_the_base_host_and_listed_domains",
        "security/test_regions.py::test_refuses_every_other_address",
        "sentry/test_client.py::test_speaks_to_no_other_host",
        "test_host_routes.py::test_the_region_check_serves_the_hosts_own_routes",
    ),
    "B9": (
        "security/test_regions.py::test_refuses_links_to_anybody_elses",
        "security/test_untrusted.py::test_whatever_is_inside_stays_inside",
        "tools/test_injection.py::test_what_senders_wrote_stays_inside_the_fence",
        "tools/test_issues.py::test_wrong_input_is_told_by_name",
    ),
    "B10": (
        "oauth/test_transactions.py::test_forged_state_is_refused",
        "oauth/test_transactions.py::test_state_of_another_browser_is_refused_and_not_consumed",
        "oauth/test_transactions.py::test_state_of_another_time_is_refused",
        "oauth/test_transactions.py::test_state_works_once",
    ),
    "B11": (
        "oauth/test_approval.py::test_a_hostile_name_is_text",
        "oauth/test_authorize.py::test_no_error_text_repeats_what_was_sent",
        "oauth/test_redirects.py::test_refuses",
        "oauth/test_registration.py::test_unusable_metadata",
    ),
    "B12": ("oauth/test_approval_memory.py::test_the_cookie_in_full",),
    "B13": (
        "mcp/test_calls.py::test_any_other_error_says_nothing_but_an_event_id",
        "oauth/test_callback.py::test_no_upstream_secret_or_text_goes_to_the_client",
        "oauth/test_logs.py::test_a_whole_life_writes_no_secret",
        "security/test_redact.py::test_hides_the_secret_and_keeps_the_rest",
        "sentry/test_client.py::test_no_error_has_the_token",
    ),
    "B14": (
        "oauth/test_approval_memory.py::test_each_organization_is_remembered_for_itself",
        "oauth/test_bearer.py::test_one_person_two_organizations",
        "oauth/test_connections.py::test_nobody_sees_or_ends_what_is_somebody_elses",
        "tools/test_constraints.py::test_another_organization_is_refused_in_every_tool",
    ),
    "B15": (
        "oauth/test_callback.py::test_members_get_a_code_for_their_organization",
        "oauth/test_callback.py::test_others_get_access_denied_and_no_grant",
        "oauth/test_membership.py::test_who_was_removed_is_refused_at_the_next_check",
    ),
    "B16": (
        "test_config.py::test_a_cookie_secret_has_32_characters",
        "test_config.py::test_tells_every_mistake_at_once_by_name",
        "test_extension.py::test_mistakes_in_settings_stop_the_start",
    ),
    "B17": (
        "oauth/test_metadata.py::test_preflights_of_the_browser_steps",
        "oauth/test_metadata.py::test_preflights_of_the_machine_endpoints",
    ),
}
"""By row, the tests that show it; others may name it, too."""


@cache
def named_rows() -> dict[str, set[str]]:
    """By test, the rows that its docstring names: ``{"security/test_regions.py::test_resolves": {"B8"}}``."""
    return {
        f"{path.relative_to(TESTS).as_posix()}::{node.name}": set(
            re.findall(r"\bB\d+\b", ast.get_docstring(node) or "")
        )
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize(("row", "test"), [(row, test) for row, tests in SHOWN_BY.items() for test in tests])
def test_a_test_that_shows_a_row_is_there_and_says_so(row: str, test: str) -> None:
    assert test in named_rows()
    assert row in named_rows()[test], f"the docstring of {test} does not name {row}"


def test_the_rows_are_those_of_the_brief_and_no_test_names_another() -> None:
    assert list(SHOWN_BY) == [f"B{number}" for number in range(1, 18)]
    assert set().union(*named_rows().values()) == set(SHOWN_BY)
