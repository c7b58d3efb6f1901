"""Search over events of all datasets, its check beforehand, and which attributes there are."""

from flask import Blueprint, Response, request

from ..access import in_organization
from ..explore.rows import ALIASES, ATTRIBUTES, DATASETS, is_known, kind_of, rows_of
from ..explore.search import MAX_FIELDS, Mistake, Search
from ..records import Json, Organization
from ..state import state
from ..wire import ApiError, page_of, page_size, paged, refuse, reply, window
from .issues import chosen_projects

blueprint = Blueprint("api_explore", __name__, url_prefix="/api/0/organizations/<organization>")
NO_PROJECT = "Need at least one valid project to query."
ATTRIBUTE_DATASETS = ("spans", "logs", "tracemetrics")


@blueprint.get("/events/")
@in_organization("org:read")
def search(organization: Organization) -> Response:
    """Rows whose keys are exactly the fields that were asked for."""
    size, span = page_size(), window()
    asked, dataset = _asked(), _dataset()
    projects = chosen_projects(organization)
    if not projects:
        return reply({"data": [], "meta": {"tips": {"query": NO_PROJECT}}})
    for mistake in asked.mistakes:
        raise refuse(400, _sentence(mistake))
    environments = request.args.getlist("environment")
    rows = rows_of(dataset, organization, projects, asked.traces)
    found = asked.run((row for row in rows if not environments or row["environment"] in environments), span)
    page, link = page_of(found, size)
    answer = reply({"data": list(page), "meta": asked.meta()})
    answer.headers["Link"] = link
    return answer


@blueprint.get("/events/validate/")
@in_organization("org:read")
def validate(organization: Organization) -> Response:
    """200 when the search could be run, 400 with the same body when not; 400 without a body where it is off."""
    if not organization.has_validation:
        raise ApiError(400)
    dataset, asked = _dataset(), _asked()
    projects = _projects_check(organization)
    checked = dataset in ATTRIBUTE_DATASETS
    wrong = {(one.part, one.name): one.text for one in asked.mistakes} if checked else {}
    note = {"valid": True, "error": "This dataset is not validated", "name": dataset, "attrType": None}
    body: Json = {
        "valid": not wrong and all(one["valid"] for one in projects),
        "dataset": [] if checked else [note],
        "environment": [],
        "projects": projects,
        "field": [_item(wrong, "field", name) for name in asked.fields],
        "query": _query_items(wrong, asked),
        "orderby": [] if asked.sort is None else [_item(wrong, "orderby", asked.sort)],
    }
    return reply(body, 200 if body["valid"] else 400)


@blueprint.get("/trace-items/attributes/")
@in_organization("org:read")
def attributes(_organization: Organization) -> Response:
    """Names of attributes by kind, for spans, logs and metrics; ``substringMatch`` narrows."""
    dataset = request.args.get("itemType") or request.args.get("dataset") or ""
    dataset = ALIASES.get(dataset, dataset)
    if dataset not in ATTRIBUTE_DATASETS:
        raise refuse(400, f"Invalid item type: {dataset}")
    kind = request.args.get("attributeType", "string")
    if kind not in ("string", "number", "boolean"):
        raise refuse(400, f"Invalid attribute type: {kind}")
    part = request.args.get("substringMatch", "").lower()
    found = [name for name in sorted(ATTRIBUTES[dataset]) if part in name.lower() and _is_kind(name, kind)]
    return paged([_attribute(name, kind) for name in found])


@blueprint.get("/tags/")
@in_organization("org:read")
def tags(organization: Organization) -> Response:
    """Keys of the tags of errors, most common first."""
    chosen = {project.id for project in chosen_projects(organization)}
    counts: dict[str, int] = {}
    for issue in state().world.issues_of(organization):
        if issue.project.id in chosen:
            for event in issue.events:
                for tag in event.tags:
                    if tag["key"] is not None:
                        counts[tag["key"]] = counts.get(tag["key"], 0) + 1
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return reply([{"key": key, "name": key.capitalize(), "totalValues": count} for key, count in ordered])


# -- parts ----------------------------------------------------------------------------------------------------------


def _dataset() -> str:
    dataset = request.args.get("dataset", "errors")
    dataset = ALIASES.get(dataset, dataset)
    if dataset not in DATASETS:
        raise refuse(400, f"dataset must be one of: {', '.join(DATASETS)}")
    return dataset


def _asked() -> Search:
    fields = request.args.getlist("field")
    if not fields:
        raise refuse(400, "No columns selected")
    if len(fields) > MAX_FIELDS:
        raise refuse(400, f"You can view up to {MAX_FIELDS} fields at a time. Please delete some and try again.")
    sort = request.args.get("sort") or request.args.get("orderby")
    return Search(_dataset(), fields, request.args.get("query", ""), sort or None)


def _sentence(mistake: Mistake) -> str:
    if mistake.part == "orderby":
        return "Cannot sort by a field that is not selected."
    if mistake.text == "Unknown attribute":
        return f"Unknown attribute: {mistake.name}"
    return mistake.text


def _projects_check(organization: Organization) -> list[Json]:
    try:
        chosen_projects(organization)
    except ApiError:
        names = request.args.getlist("project")
        return [{"valid": False, "error": "Invalid project", "name": name, "attrType": None} for name in names]
    return []


def _item(wrong: dict[tuple[str, str | None], str], part: str, name: str) -> Json:
    error = wrong.get((part, name))
    kind = None if error or not is_known(_dataset(), name) else kind_of(name)
    return {"valid": error is None, "error": error, "name": name, "attrType": kind}


def _query_items(wrong: dict[tuple[str, str | None], str], asked: Search) -> list[Json]:
    """One for each term; a query that cannot be read is one item without a name."""
    if ("query", None) in wrong:
        return [{"valid": False, "error": wrong["query", None]}]
    return [_item(wrong, "query", term.key) for term in asked.terms()]


def _is_kind(name: str, kind: str) -> bool:
    return kind_of(name) in {"number": ("number", "duration"), "boolean": ("boolean",)}.get(kind, ("string", "date"))


def _attribute(name: str, kind: str) -> Json:
    own = name in ("cart.size", "logger.name")
    return {
        "key": f"tags[{name},{kind}]" if own and kind != "string" else name,
        "name": name,
        "attributeType": kind,
        "attributeSource": {"source_type": "user" if own else "sentry"},
    }
