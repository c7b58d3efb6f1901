"""The shapes of Sentry's answers, as far as clients read them."""

from tests.sandbox.notation import (
    ANY,
    DIGITS,
    FLAG,
    HEX16,
    HEX32,
    NULL,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Shape,
    any_of,
    list_of,
    maybe,
    one_of,
    thing,
    without,
)

SELF = thing(
    id=DIGITS,
    name=TEXT,
    username=TEXT,
    email=TEXT,
    isActive=FLAG,
    isSuperuser=FLAG,
    has2fa=FLAG,
    dateJoined=TIME,
    options=thing(timezone=TEXT),
)
REGIONS = thing(regions=list_of(thing(name=TEXT, url=TEXT)))
LONE_ORGANIZATION = thing(id=DIGITS, slug=TEXT, name=TEXT, status=thing(id=TEXT, name=TEXT), dateCreated=TIME)
"""As a server without regions describes it."""

ORGANIZATION = {"allOf": [LONE_ORGANIZATION, thing(links=thing(organizationUrl=TEXT, regionUrl=TEXT))]}
TEAM = thing(
    id=DIGITS,
    slug=TEXT,
    name=TEXT,
    dateCreated=TIME,
    isMember=FLAG,
    memberCount=WHOLE,
    teamRole=maybe(TEXT),
    hasAccess=FLAG,
)
PROJECT: Shape = thing(
    id=DIGITS,
    slug=TEXT,
    name=TEXT,
    platform=maybe(TEXT),
    dateCreated=TIME,
    firstEvent=maybe(TIME),
    firstTransactionEvent=FLAG,
    hasProfiles=FLAG,
    hasReplays=FLAG,
    hasLogs=FLAG,
    isMember=FLAG,
    hasAccess=FLAG,
    access=list_of(TEXT),
    team=maybe(thing(id=DIGITS, slug=TEXT, name=TEXT)),
    teams=list_of(thing(id=DIGITS, slug=TEXT, name=TEXT)),
    platforms=list_of(TEXT),
    environments=list_of(TEXT),
    latestRelease=maybe(thing(version=TEXT)),
)
ISSUE: Shape = thing(
    id=DIGITS,
    shortId=TEXT,
    title=TEXT,
    culprit=maybe(TEXT),
    permalink=TEXT,
    level=one_of("fatal", "error", "warning", "info", "debug"),
    status=one_of("resolved", "unresolved", "ignored"),
    substatus=one_of(
        "new",
        "ongoing",
        "escalating",
        "regressed",
        "archived_until_escalating",
        "archived_until_condition_met",
        "archived_forever",
        None,
    ),
    statusDetails={"type": "object"},
    platform=maybe(TEXT),
    priority=one_of("low", "medium", "high", None),
    seerFixabilityScore=maybe(NUMBER),
    type=TEXT,
    issueType=TEXT,
    issueCategory=one_of(
        "error", "db_query", "http_client", "frontend", "mobile", "outage", "cron", "replay", "feedback", "metric"
    ),
    project=thing(id=DIGITS, slug=TEXT, name=TEXT, platform=maybe(TEXT)),
    metadata={"type": "object"},
    assignedTo=maybe(thing(type=one_of("user", "team"), id=DIGITS, name=TEXT)),
    count=DIGITS,
    userCount=WHOLE,
    numComments=WHOLE,
    isUnhandled=FLAG,
    firstSeen=TIME,
    lastSeen=TIME,
)
IN_A_LIST = thing(
    stats=thing(**{"24h": list_of(list_of(WHOLE))}),
    lifetime=thing(count=DIGITS, userCount=WHOLE, firstSeen=TIME, lastSeen=TIME),
    filtered=NULL,
)
LISTED_ISSUE = {"allOf": [ISSUE, IN_A_LIST]}
COLLAPSED_ISSUE = {"allOf": [without("isUnhandled", ISSUE), IN_A_LIST]}
"""As it is with ``collapse=unhandled``, which is what we ask for."""

PERSON = thing(id=DIGITS, name=TEXT, email=TEXT, username=TEXT)
ACTIVITY = thing(id=DIGITS, type=TEXT, dateCreated=TIME, user=maybe(PERSON), sentry_app=NULL, data={"type": "object"})
RELEASE_OF_ISSUE = maybe(thing(version=TEXT))
ISSUE_DETAIL = {
    "allOf": [
        ISSUE,
        thing(
            firstRelease=RELEASE_OF_ISSUE,
            lastRelease=RELEASE_OF_ISSUE,
            tags=list_of(thing(key=TEXT, name=TEXT, totalValues=WHOLE)),
            activity=list_of(ACTIVITY),
            seenBy=list_of(PERSON),
            participants=list_of(PERSON),
            userReportCount=WHOLE,
            stats=thing(**{"24h": list_of(list_of(WHOLE)), "30d": list_of(list_of(WHOLE))}),
        ),
    ]
}
FRAME = thing(
    filename=TEXT,
    absPath=maybe(TEXT),
    module=maybe(TEXT),
    function=maybe(TEXT),
    lineNo=maybe(WHOLE),
    colNo=maybe(WHOLE),
    inApp=FLAG,
    context=list_of(list_of({"type": ["integer", "string"]})),
    vars=maybe({"type": "object"}),
    sourceLink=maybe(TEXT),
    platform=maybe(TEXT),
    package=maybe(TEXT),
)
STACK = maybe(thing(frames=list_of(FRAME), framesOmitted=maybe(list_of(WHOLE)), hasSystemFrames=FLAG))
ENTRY_DATA: dict[str, Shape] = {
    "exception": thing(
        values=list_of(
            thing(
                type=TEXT, value=TEXT, mechanism=thing(type=TEXT, handled=FLAG), threadId=maybe(WHOLE), stacktrace=STACK
            )
        )
    ),
    "breadcrumbs": thing(
        values=list_of(
            thing(
                timestamp=TIME,
                type=TEXT,
                category=TEXT,
                level=TEXT,
                message=maybe(TEXT),
                data=maybe({"type": "object"}),
            )
        )
    ),
    "request": thing(method=TEXT, url=TEXT, query=list_of(ANY), headers=list_of(list_of(TEXT)), data=ANY),
    "threads": thing(
        values=list_of(
            thing(id=WHOLE, name=maybe(TEXT), crashed=FLAG, current=FLAG, state=maybe(TEXT), stacktrace=STACK)
        )
    ),
    "message": thing(formatted=TEXT, message=TEXT),
    "csp": thing(document_uri=TEXT, effective_directive=TEXT, blocked_uri=TEXT),
    "spans": list_of(thing(span_id=HEX16, op=TEXT, description=TEXT, start_timestamp=NUMBER, timestamp=NUMBER)),
}
ENTRY = {"anyOf": [thing(type=one_of(kind), data=data) for kind, data in ENTRY_DATA.items()]}
OCCURRENCE = thing(
    issueTitle=TEXT,
    subtitle=TEXT,
    evidenceData={"type": "object"},
    evidenceDisplay=list_of(thing(name=TEXT, value=TEXT, important=FLAG)),
    type=WHOLE,
    level=TEXT,
)
LISTED_EVENT = thing(
    id=HEX32,
    eventID=HEX32,
    event__type=TEXT,
    groupID=DIGITS,
    projectID=DIGITS,
    title=TEXT,
    message=TEXT,
    culprit=maybe(TEXT),
    location=maybe(TEXT),
    platform=maybe(TEXT),
    user=maybe(thing(id=maybe(TEXT), email=maybe(TEXT), username=maybe(TEXT), ip_address=maybe(TEXT))),
    tags=list_of(thing(key=maybe(TEXT), value=maybe(TEXT))),
    dateCreated=TIME,
    metadata={"type": "object"},
    crashFile=NULL,
)
EVENT = {
    "allOf": [
        LISTED_EVENT,
        thing(
            type=one_of("error", "default", "transaction", "generic", "csp"),
            dateReceived=TIME,
            size=WHOLE,
            dist=NULL,
            contexts={"type": "object", "additionalProperties": {"type": "object"}},
            context={"type": "object"},
            sdk=thing(name=TEXT, version=TEXT),
            release=maybe(thing(version=TEXT, lastCommit=maybe(thing(id=TEXT)))),
            errors=list_of(ANY),
            occurrence=maybe(OCCURRENCE),
            entries=list_of(ENTRY),
        ),
    ]
}
REPORT = thing(
    id=DIGITS,
    eventID=HEX32,
    name=maybe(TEXT),
    email=maybe(TEXT),
    comments=TEXT,
    dateCreated=TIME,
    user=ANY,
    event=thing(id=HEX32, eventID=HEX32),
)
TICKET = thing(id=DIGITS, issueId=DIGITS, serviceType=TEXT, displayName=TEXT, webUrl=TEXT)
TAG_VALUES = thing(
    key=TEXT,
    name=TEXT,
    uniqueValues=WHOLE,
    totalValues=WHOLE,
    topValues=list_of(thing(key=TEXT, name=maybe(TEXT), value=maybe(TEXT), count=WHOLE, firstSeen=TIME, lastSeen=TIME)),
)
COMMIT = thing(
    id=TEXT,
    message=maybe(TEXT),
    dateCreated=TIME,
    author=thing(name=TEXT, email=TEXT),
    repository=thing(name=TEXT),
    pullRequest=ANY,
)
DEPLOY = thing(
    id=DIGITS,
    environment=TEXT,
    name=maybe(TEXT),
    url=maybe(TEXT),
    dateStarted=maybe(TIME),
    dateFinished=maybe(TIME),
)
RELEASE = thing(
    id=WHOLE,
    version=TEXT,
    shortVersion=TEXT,
    status=TEXT,
    dateCreated=TIME,
    dateReleased=maybe(TIME),
    firstEvent=maybe(TIME),
    lastEvent=maybe(TIME),
    newGroups=WHOLE,
    commitCount=WHOLE,
    deployCount=WHOLE,
    authors=list_of(ANY),
    ref=maybe(TEXT),
    url=maybe(TEXT),
    lastCommit=maybe(COMMIT),
    lastDeploy=maybe(DEPLOY),
    projects=list_of(thing(id=WHOLE, slug=TEXT, name=TEXT, platform=maybe(TEXT), newGroups=WHOLE)),
    versionInfo=thing(package=maybe(TEXT), description=TEXT),
)
TRACE_ERROR = thing(
    event_id=HEX32,
    event_type=one_of("error"),
    issue_id=WHOLE,
    level=TEXT,
    description=TEXT,
    start_timestamp=NUMBER,
    project_slug=TEXT,
)
SPAN: Shape = thing(
    event_id=HEX16,
    event_type=one_of("span"),
    op=TEXT,
    name=TEXT,
    description=TEXT,
    transaction=TEXT,
    transaction_id=HEX32,
    is_transaction=FLAG,
    project_id=WHOLE,
    project_slug=TEXT,
    parent_span_id=maybe(HEX16),
    start_timestamp=NUMBER,
    end_timestamp=NUMBER,
    duration=NUMBER,
    profile_id=TEXT,
    profiler_id=TEXT,
    sdk_name=TEXT,
    measurements={"type": "object"},
    additional_attributes={"type": "object"},
    errors=list_of(TRACE_ERROR),
    occurrences=list_of(ANY),
    children=list_of({"$ref": "#/$defs/span"}),
)
TRACE = {"$defs": {"span": SPAN}} | list_of({"anyOf": [{"$ref": "#/$defs/span"}, TRACE_ERROR]})
TRACE_META = {
    "anyOf": [
        thing(
            errorsCount=NUMBER,
            logsCount=NUMBER,
            metricsCount=NUMBER,
            performanceIssuesCount=NUMBER,
            spansCount=NUMBER,
            transactionChildCountMap=list_of({"type": "object"}),
            spansCountMap={"type": "object"},
        ),
        thing(
            errors=NUMBER,
            logs=NUMBER,
            performance_issues=NUMBER,
            span_count=NUMBER,
            transaction_child_count_map=list_of({"type": "object"}),
            span_count_map={"type": "object"},
        ),
    ]
}
EVENTS_SEARCH = thing(
    data=list_of({"type": "object"}),
    meta=thing(fields={"type": "object", "additionalProperties": TEXT}, units={"type": "object"}, dataset=TEXT),
)
NO_PROJECTS = thing(data=list_of(ANY), meta=thing(tips=thing(query=TEXT)))
CHECK = thing(valid=FLAG, error=maybe(TEXT), name=TEXT, attrType=maybe(TEXT))
VALIDATION = thing(
    valid=FLAG,
    dataset=list_of(CHECK),
    environment=list_of(CHECK),
    projects=list_of(CHECK),
    field=list_of(CHECK),
    query=list_of(thing(valid=FLAG, error=maybe(TEXT))),
    orderby=list_of(CHECK),
)
REPLAY = thing(
    id=HEX32,
    project_id=DIGITS,
    started_at=TEXT,
    finished_at=TEXT,
    duration=WHOLE,
    environment=maybe(TEXT),
    releases=list_of(TEXT),
    urls=maybe(list_of(TEXT)),
    platform=TEXT,
    user=maybe({"type": "object"}),
    browser={"type": "object"},
    os={"type": "object"},
    sdk={"type": "object"},
    device={"type": "object"},
    count_errors=WHOLE,
    count_segments=WHOLE,
    error_ids=list_of(HEX32),
    trace_ids=list_of(HEX32),
    is_archived=maybe(FLAG),
    tags={"anyOf": [{"type": "object"}, {"type": "array", "maxItems": 0}]},
)
AUTOFIX = thing(
    autofix=maybe(
        thing(
            run_id=WHOLE,
            status=one_of("processing", "completed", "error", "awaiting_user_input"),
            updated_at=TEXT,
            pending_user_input=ANY,
            repo_pr_states={"type": "object"},
            coding_agents={"type": "object"},
            blocks=list_of(
                thing(
                    id=TEXT,
                    message=thing(role=TEXT, content=TEXT),
                    todos=list_of(thing(content=TEXT, status=one_of("pending", "in_progress", "completed"))),
                    artifacts=list_of(thing(key=one_of("root_cause", "solution"), data={"type": "object"})),
                )
            ),
        )
    )
)
STARTED = thing(run_id=WHOLE, sentry_run_id=maybe(TEXT))
TEAM_WITH_PROJECTS = {"allOf": [TEAM, thing(projects=list_of(PROJECT))]}
CODE_LINK = any_of(
    thing(config=thing(repoName=TEXT, defaultBranch=TEXT), sourcePath=TEXT, sourceUrl=TEXT),
    thing(config=NULL, sourcePath=NULL, sourceUrl=NULL, integrations=list_of(ANY)),
)
SHORT_ID = thing(organizationSlug=TEXT, projectSlug=TEXT, groupId=DIGITS, shortId=TEXT, group=ISSUE)
EVENT_ID = thing(organizationSlug=TEXT, projectSlug=TEXT, groupId=DIGITS, eventId=HEX32, event=EVENT)
ATTRIBUTES = list_of(
    thing(
        key=TEXT,
        name=TEXT,
        attributeType=one_of("string", "number", "boolean"),
        attributeSource=thing(source_type=one_of("sentry", "user")),
    )
)
TAGS = list_of({"allOf": [thing(key=TEXT, name=TEXT), any_of(thing(totalValues=WHOLE), thing(uniqueValues=WHOLE))]})
REPLAY_COUNT: Shape = {
    "type": "object",
    "propertyNames": DIGITS,
    "additionalProperties": any_of(WHOLE, list_of(HEX32)),
}
