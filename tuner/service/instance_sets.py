"""The API of models and of sets of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from instances.caps import TooLarge
from storage.records import InstanceSet, ModelContent
from tuner.app.job_data import Data, set_data
from tuner.app.shapes import FullSet, Missing, SetOfModels, Uploaded
from tuner.service.bodies import Hashes, NewSet, Once
from tuner.service.endpoints import ALWAYS, CONFLICT, LARGE, NONE, Number, Reader, Served, Writer
from tuner.service.problems import Refused
from tuner.service.uploads import (
    Spool,
    check_together,
    checked_name,
    checked_suffix,
    keep_archive,
    keep_model,
    set_name,
)

router = APIRouter(prefix="/v1", responses=ALWAYS, tags=["instance sets"], route_class=Once)


@router.post("/models", status_code=201, response_model=Uploaded, responses=LARGE)
async def upload_model(
    request: Request,
    service: Served,
    who: Writer,
    suffix: Annotated[str, Query(max_length=20)],
) -> Data:
    """Upload one model's file as the body."""
    suffix = checked_suffix(suffix)
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdecimal() else 0

    def check(size: int) -> None:
        service.store.check_stored(who.owner, max(size, announced))

    def keep(spool: Spool) -> ModelContent:
        return keep_model(service.store, who.owner, spool.file, suffix, service.caps)

    content = await service.underway.handled(who.owner, request.stream(), check, keep)
    return {"sha256": content.sha256, "size": content.size}


@router.post("/models/missing", response_model=Missing)
def missing_models(service: Served, who: Writer, wanted: Hashes) -> Data:
    """Say which of some models the caller has not uploaded yet."""
    known = service.store.models(who.owner, wanted.sha256)
    return {"missing": [sha256 for sha256 in dict.fromkeys(wanted.sha256) if sha256 not in known]}


@router.delete("/models/{sha256}", status_code=204, responses=CONFLICT)
def delete_model(
    service: Served,
    who: Writer,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="of the unpacked content")],
) -> None:
    """Delete a model of the caller's that is in no instance set. It stays for others who have uploaded it."""
    service.store.delete_model(who.owner, sha256)


@router.post("/instance-sets", status_code=201, response_model=SetOfModels, responses=CONFLICT)
def create_set(service: Served, who: Writer, new: NewSet) -> Data:
    """Make a set of models that were uploaded before."""
    try:
        service.caps.check_models(len(new.members), "a set")
    except TooLarge as error:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from None
    members = [(checked_name(name, service.caps), sha256) for name, sha256 in new.members.items()]
    check_together(new.members)
    known = service.store.models(who.owner, new.members.values())
    lacking = [sha256 for sha256 in dict.fromkeys(new.members.values()) if sha256 not in known]
    if lacking:
        raise Refused(HTTPStatus.CONFLICT, "upload the missing models first", missing=lacking)
    return set_data(service.store.create_instance_set(who.owner, set_name(new.name), members))


@router.post("/archives", status_code=201, response_model=SetOfModels, responses=LARGE)
async def upload_archive(
    request: Request, service: Served, who: Writer, name: Annotated[str, Query(min_length=1, max_length=100)]
) -> Data:
    """Upload a .zip, .tar or .tar.gz file of models as the body, and make a set of them."""
    name = set_name(name)

    def check(_: int) -> None:
        service.store.check_stored(who.owner, 1)  # how much of it will be kept is not known before it is unpacked

    def keep(spool: Spool) -> InstanceSet:
        return keep_archive(service.store, who.owner, name, spool.file, service.caps)

    return set_data(await service.underway.handled(who.owner, request.stream(), check, keep))


@router.get("/instance-sets", response_model=list[SetOfModels])
def list_sets(service: Served, who: Reader) -> list[Data]:
    """List the instance sets, the newest first."""
    return [set_data(each) for each in service.store.instance_sets(who.seen)]


@router.get("/instance-sets/{number}", response_model=FullSet, responses=NONE)
def read_set(service: Served, who: Reader, number: Number) -> Data:
    """Return a set with its members."""
    found = service.own_set(who, number)
    members = [{"name": n, "sha256": m.sha256, "size": m.size} for n, m in found.members]
    return {**set_data(found), "members": members}


@router.delete("/instance-sets/{number}", status_code=204, responses={**NONE, **CONFLICT})
def delete_set(service: Served, who: Writer, number: Number) -> None:
    """Delete a set that no job needs."""
    service.store.delete_instance_set(service.own_set(who, number).id)
