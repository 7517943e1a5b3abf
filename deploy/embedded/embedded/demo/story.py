"""What happens in the demonstration: six referrals, each a small story, told at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from embedded.demo import patients
from embedded.demo.desk import Desk, StoryBroken, authorization_id
from simulators.emr import EmrClient, EmrServer, accept
from simulators.emr.messages import Envelope, omp_o09, rde_o11, ref_i12
from simulators.emr.samples import Patient, Sample
from simulators.webhook_receiver.answers import ok, status
from simulators.webhook_receiver.receiver import Receiver

Tell = Callable[[str], None]

LAKESIDE = ("LAKESIDE-EMR", "LAKESIDE")
PINE = ("PINE-EMR", "PINE")
REFERRALS = 6
"""How many referrals there must be at the end: the repeats make none."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The people and machines of the story."""

    desk: Desk
    mllp: tuple[str, int]
    lakeside: EmrServer
    pine: EmrServer
    harbor_hook: Receiver
    tell: Tell


async def play(stage: Stage) -> None:
    """Play all stories to their ends."""
    stories: list[Callable[[Stage], Awaitable[None]]] = [
        denied_and_appealed,
        picked_up,
        sent_elsewhere,
        incomplete,
        declined,
        hard_to_reach,
    ]
    await asyncio.gather(*(story(stage) for story in stories))


async def denied_and_appealed(stage: Stage) -> None:
    """By REST, twice under one key: denied, appealed, approved, shipped, delivered."""
    desk, pa = stage.desk, authorization_id()
    referral = await desk.refer(patients.complete(), key="demo-complete")
    if await desk.refer(patients.complete(), key="demo-complete") != referral:
        raise StoryBroken("the same Idempotency-Key made a second referral")
    stage.tell("Lakeside refers by REST, and repeats the request: one referral")
    await desk.pause(5)
    await desk.do(referral, "accept")
    await desk.do(referral, "start-benefits-investigation")
    await desk.pause(10)
    await desk.authorize(referral, pa, "required_not_started", benefit="pharmacy", payer="Example")
    await desk.pause(10)
    await desk.authorize(referral, pa, "submitted", case_id="EX-778", submitted_on=desk.day(days=0))
    await desk.pause(15)
    told = {"decided_on": desk.day(days=0), "appeal_deadline": desk.day(days=60)}
    await desk.authorize(referral, pa, "denied", denial_reason="step_therapy_not_met", **told)
    stage.tell("Lakeside's plan denies: step therapy; the clinic is told, and appeals")
    await desk.pause(15)
    await desk.authorize(referral, pa, "appeal_submitted")
    await desk.pause(15)
    until = {"effective_on": desk.day(days=0), "expires_on": desk.day(days=365)}
    await desk.authorize(referral, pa, "appeal_approved", authorization_number="A-4711", **until)
    await desk.pause(10)
    when, where = desk.soon(minutes=20), "12 Example Street, Chicago"
    await desk.do(referral, "schedule", kind="delivery", starts_at=when, place=where)
    await desk.pause(10)
    await desk.do(referral, "ship", carrier="UPS", expected_on=desk.day(days=0))
    await desk.pause(10)
    await desk.do(referral, "activate", how="delivered")
    stage.tell("Lakeside's first patient has the drug")


async def picked_up(stage: Stage) -> None:
    """By REF^I12, sent three times (same bytes twice, then under a new control id): picked up."""
    desk = stage.desk
    sample = _sample("LS-1002", Patient(mrn="LS-77", family="NGUYEN", given="LINH"))
    first = ref_i12(sample, _envelope(stage, LAKESIDE, "LS0001"))
    async with EmrClient(*stage.mllp) as emr:
        answers = [await emr.send(first), await emr.send(first)]
        answers.append(await emr.send(ref_i12(sample, _envelope(stage, LAKESIDE, "LS0002"))))
    _all_accepted(answers)
    if answers[0] != answers[1]:
        raise StoryBroken("a repeated message was answered otherwise than before")
    stage.tell("Lakeside's EMR sends REF^I12 three times: three AA, one referral")
    referral = await desk.find("LS-1002")
    await desk.pause(10)
    await desk.do(referral, "accept")
    await desk.pause(10)
    when = desk.soon(minutes=15)
    await desk.do(referral, "schedule", kind="pickup", starts_at=when, place="Main Street counter")
    await desk.pause(20)
    await desk.do(referral, "reschedule", starts_at=desk.soon(minutes=20))
    await desk.pause(20)
    await desk.do(referral, "activate", how="picked_up")


async def sent_elsewhere(stage: Stage) -> None:
    """By RDE^O11: the plan wants another pharmacy."""
    desk = stage.desk
    sample = _sample("LS-1003", Patient(mrn="LS-78", family="BAKER", given="TOM", sex="M"))
    async with EmrClient(*stage.mllp) as emr:
        _all_accepted([await emr.send(rde_o11(sample, _envelope(stage, LAKESIDE, "LS0003")))])
    referral = await desk.find("LS-1003")
    await desk.pause(20)
    other = {"pharmacy_name": "Elm Specialty Pharmacy", "pharmacy_phone": "+13125550170"}
    await desk.do(referral, "transfer", reason="payer_mandated_pharmacy", **other)


async def incomplete(stage: Stage) -> None:
    """By REST with gaps: asked, answered, approved; half-way the clinic's webhook is gone (410)."""
    desk, pa = stage.desk, authorization_id()
    referral = await desk.refer(patients.incomplete(), key="demo-incomplete")
    stage.tell("Harbor refers without insurance and with a mistyped NPI: it is asked, not refused")
    await desk.pause(20)
    await desk.do(referral, "provide-information", **patients.answers())
    await desk.do(referral, "accept")
    await desk.authorize(referral, pa, "required_not_started", benefit="medical")
    await desk.pause(10)
    stage.harbor_hook.follow(then=status(410))
    stage.tell("Harbor switches its webhook off (410 Gone): from now on it is told by fax")
    await desk.authorize(referral, pa, "submitted")
    await desk.pause(20)
    until = {"effective_on": desk.day(days=0), "expires_on": desk.day(days=180)}
    await desk.authorize(referral, pa, "approved", authorization_number="M-2093", **until)
    await desk.pause(15)
    when = desk.soon(minutes=15)
    await desk.do(
        referral, "schedule", kind="infusion", starts_at=when, place="Harbor infusion suite"
    )
    await desk.pause(15)
    await desk.do(referral, "activate", how="administered")


async def declined(stage: Stage) -> None:
    """By REST: the pharmacy cannot serve this one, and says so."""
    desk = stage.desk
    referral = await desk.refer(patients.out_of_network(), key="demo-declined")
    await desk.pause(45)
    await desk.do(referral, "decline", reason="out_of_network")


async def hard_to_reach(stage: Stage) -> None:
    """By OMP^O09 from a clinic whose EMR is down and whose fax is busy; later its EMR is back."""
    desk = stage.desk
    sample = _sample("PS-3001", Patient(mrn="PS-12", family="OKAFOR", given="GRACE"))
    async with EmrClient(*stage.mllp) as emr:
        _all_accepted([await emr.send(omp_o09(sample, _envelope(stage, PINE, "PS0001")))])
    stage.tell("Pine Street sends OMP^O09; its EMR takes nothing back, and its fax is busy")
    referral = await desk.find("PS-3001")
    await desk.pause(5)
    await desk.do(referral, "accept")
    await desk.pause(60)
    await stage.pine.follow(then=accept())
    stage.harbor_hook.follow(then=ok())
    stage.tell("Pine Street's EMR is back")
    await desk.pause(5)
    await desk.do(referral, "request-cancellation", reason="alternative_therapy")
    await desk.pause(10)
    await desk.do(referral, "cancel")


def _sample(order_number: str, patient: Patient) -> Sample:
    return replace(Sample(order_number=order_number), patient=patient)


def _envelope(stage: Stage, sender: tuple[str, str], control_id: str) -> Envelope:
    return Envelope(control_id=control_id, sent_at=stage.desk.now(), sending=sender)


def _all_accepted(answers: list[bytes]) -> None:
    for answer in answers:
        if b"MSA|AA|" not in answer:
            raise StoryBroken("a message was not acknowledged with AA")
