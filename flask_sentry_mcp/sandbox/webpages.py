"""Pages for people who follow a link of the sandbox: what would be here at the real Sentry."""

from flask import Blueprint, render_template

blueprint = Blueprint("sandbox_webpages", __name__)


@blueprint.get("/")
def start() -> str:
    return render_template("sandbox/place.html", place="")


@blueprint.get("/organizations/<path:place>/")
def inside(place: str) -> str:
    return render_template("sandbox/place.html", place=place)
