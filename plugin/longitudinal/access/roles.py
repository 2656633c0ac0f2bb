"""What somebody may do, apart from the question with which studies."""

from enum import StrEnum


class Role(StrEnum):
    """A role; a reviewer may do what a viewer may, an administrator everything."""

    VIEWER = "viewer"
    UPLOADER = "uploader"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Need(StrEnum):
    """What a request needs: a role, just any, or (`OPEN`) none: then the route itself asks for a secret."""

    OPEN = "open"
    ANY = "any"
    VIEW = "view"
    UPLOAD = "upload"
    REVIEW = "review"
    AUDIT = "audit"
    ADMINISTER = "administer"

    @property
    def roles(self) -> frozenset[Role]:
        """The roles of which one suffices."""
        return _SUFFICIENT[self]


_SUFFICIENT = {
    Need.OPEN: frozenset(Role),
    Need.ANY: frozenset(Role),
    Need.VIEW: frozenset({Role.VIEWER, Role.REVIEWER, Role.ADMIN}),
    Need.UPLOAD: frozenset({Role.UPLOADER, Role.ADMIN}),
    Need.REVIEW: frozenset({Role.REVIEWER, Role.ADMIN}),
    Need.AUDIT: frozenset({Role.AUDITOR, Role.ADMIN}),
    Need.ADMINISTER: frozenset({Role.ADMIN}),
}
