"""Two people, three organizations, their teams and projects. All invented."""

from ..records import Organization, Project, Team, User
from ..world import World

DAY = 86_400.0


def fill(world: World) -> None:
    """People first, then where they work."""
    now = world.epoch
    for user in (
        User("mira", "3104522", "Mira Okafor", "mira@northwind.example", now - 650 * DAY),
        User("jonas", "3104777", "Jonas Weber", "jonas@northwind.example", now - 400 * DAY),
        User("ines", "3104801", "Ines Duarte", "ines@northwind.example", now - 390 * DAY),
        User("otto", "3104900", "Otto Lind", "otto@northwind.example", now - 600 * DAY, is_active=False),
    ):
        world.users[user.key] = user
    for organization in _organizations(now):
        world.organizations[organization.slug] = organization
    world.teams += _teams(now)
    world.projects += _northwind(now) + _aurora(now) + _tidepool(now)


def _organizations(now: float) -> tuple[Organization, ...]:
    return (
        Organization(
            "41",
            "northwind",
            "Northwind",
            "us",
            now - 640 * DAY,
            roles={"mira": "owner", "jonas": "member", "ines": "admin", "otto": "member"},
        ),
        Organization(
            "58", "Aurora-Labs", "Aurora Labs", "de", now - 520 * DAY, roles={"mira": "member"}, is_open=False
        ),
        Organization(
            "73",
            "tidepool",
            "Tidepool",
            "us",
            now - 300 * DAY,
            roles={"jonas": "owner"},
            has_seer_budget=False,
            has_validation=False,
        ),
    )


def _teams(now: float) -> list[Team]:
    rows: tuple[tuple[str, str, str, str, set[str]], ...] = (
        ("77", "payments", "Payments", "northwind", {"mira", "ines"}),
        ("78", "storefront", "Storefront", "northwind", {"mira", "jonas"}),
        ("79", "platform", "Platform", "northwind", {"mira"}),
        ("101", "research", "Research", "Aurora-Labs", {"mira"}),
        ("102", "vault", "Vault", "Aurora-Labs", set()),
        ("131", "crew", "Crew", "tidepool", {"jonas"}),
    )
    return [
        Team(number, slug, name, organization, now - 290 * DAY, frozenset(members))
        for number, slug, name, organization, members in rows
    ]


def _northwind(now: float) -> list[Project]:
    return [
        Project(
            "4509100",
            "checkout-api",
            "Checkout API",
            "python-flask",
            "northwind",
            ("payments",),
            "CHECKOUT-API",
            now - 620 * DAY,
            has_profiles=True,
            is_linked=True,
        ),
        Project(
            "4509101",
            "shop-web",
            "Shop Web",
            "javascript-react",
            "northwind",
            ("storefront",),
            "SHOP-WEB",
            now - 615 * DAY,
            has_replays=True,
        ),
        Project(
            "4509102",
            "warehouse-jobs",
            "Warehouse Jobs",
            "python-celery",
            "northwind",
            ("platform",),
            "WAREHOUSE-JOBS",
            now - 400 * DAY,
            environments=("production",),
            has_traces=False,
            has_logs=False,
        ),
        Project(
            "4509103",
            "mobile-app",
            "Mobile App",
            "java-android",
            "northwind",
            ("storefront", "platform"),
            "MOBILE-APP",
            now - 380 * DAY,
        ),
        Project(
            "4509104",
            "billing",
            "Billing",
            "python-django",
            "northwind",
            ("payments",),
            "INVOICES",
            now - 350 * DAY,
            former_slugs=("invoices",),
        ),
    ]


def _aurora(now: float) -> list[Project]:
    return [
        Project(
            "5601200",
            "telemetry-hub",
            "Telemetry Hub",
            "go",
            "Aurora-Labs",
            ("research",),
            "TELEMETRY-HUB",
            now - 500 * DAY,
        ),
        Project(
            "5601201",
            "lab-portal",
            "Lab Portal",
            "php-laravel",
            "Aurora-Labs",
            ("research",),
            "LAB-PORTAL",
            now - 450 * DAY,
            has_replays=True,
            has_traces=False,
        ),
        Project(
            "5601202",
            "firmware",
            "Firmware",
            "native",
            "Aurora-Labs",
            ("vault",),
            "FIRMWARE",
            now - 200 * DAY,
            has_traces=False,
            has_logs=False,
        ),
    ]


def _tidepool(now: float) -> list[Project]:
    return [
        Project(
            "4610300", "tide-charts", "Tide Charts", "ruby-rails", "tidepool", ("crew",), "TIDE-CHARTS", now - 280 * DAY
        ),
        Project(
            "4610301",
            "reef-cam",
            "Reef Cam",
            "node-express",
            "tidepool",
            ("crew",),
            "REEF-CAM",
            now - 150 * DAY,
            has_traces=False,
        ),
    ]
