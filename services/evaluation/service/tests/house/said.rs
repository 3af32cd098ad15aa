//! What the neighbours say, as short as a test can use it.

use jiff::{SignedDuration, Timestamp};
use kit::wire::to_proto_time;
use uuid::Uuid;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::common::v1 as common;
use xiezhi_proto::evaluation::v1 as proto;
use xiezhi_proto::intake::v1 as intake;
use xiezhi_proto::supervision::v1 as supervision;

use super::House;

/// Hours after Monday, the second of March 2026, nine o'clock in Jiashan.
pub fn at(hours: i64) -> Timestamp {
    let monday: Timestamp = "2026-03-02T01:00:00Z".parse().unwrap();
    monday.checked_add(SignedDuration::from_hours(hours)).unwrap()
}

fn moment(hours: i64) -> Option<prost_types::Timestamp> {
    Some(to_proto_time(at(hours)))
}

fn facts() -> common::CaseFacts {
    common::CaseFacts {
        matter_codes: vec!["noise.trade.night".into()],
        region_code: "330421103201".into(),
        object_type: "catering".into(),
        declared: vec![],
        act_on: "2026-03-01".into(),
        channel: common::Channel::Phone.into(),
        urgency: common::Urgency::Normal.into(),
    }
}

/// Answers of a complainant who was reached.
pub fn reached(responded: bool, resolved: bool, satisfied: bool) -> proto::Rating {
    proto::Rating { reached: true, responded, resolved, satisfied }
}

/// Nobody answered.
pub fn unreached() -> proto::Rating {
    proto::Rating { reached: false, responded: false, resolved: false, satisfied: false }
}

/// A call to record, with an id of its own.
pub fn recording(callback: &str, rating: proto::Rating) -> proto::RecordCallbackRequest {
    proto::RecordCallbackRequest {
        command_id: Uuid::now_v7().to_string(),
        callback_id: callback.to_owned(),
        rating: Some(rating),
    }
}

/// A panel's decision, with an id of its own.
pub fn deciding(callback: &str, upheld: bool) -> proto::DecideAdjudicationRequest {
    proto::DecideAdjudicationRequest {
        command_id: Uuid::now_v7().to_string(),
        callback_id: callback.to_owned(),
        upheld,
        reason: "诉求已按规定办结, 其余要求无法律依据".to_owned(),
    }
}

/// The rates of March 2026.
pub fn march(unit: &str) -> proto::GetRatesRequest {
    proto::GetRatesRequest { unit_code: unit.to_owned(), from: "2026-03-01".into(), to: "2026-03-31".into() }
}

impl House {
    /// A case is registered; its number ends in `nth`.
    pub async fn registers(&self, nth: u32) -> Uuid {
        let case = Uuid::now_v7();
        let registered = intake::CaseRegistered {
            case_id: case.to_string(),
            case_no: format!("JS-2026-{nth:06}"),
            facts: Some(facts()),
            registered_at: moment(0),
            receiving_unit: "centre".into(),
            ..Default::default()
        };
        self.intake.say(case, registered).await;
        case
    }

    /// A case is accepted, alone or with its head.
    pub async fn accepts(&self, case: Uuid, nth: u32, head: Option<Uuid>) {
        let accepted = intake::CaseAccepted {
            case_id: case.to_string(),
            case_no: format!("JS-2026-{nth:06}"),
            facts: Some(facts()),
            accepted_at: moment(2),
            head_case_id: head.map(|head| head.to_string()).unwrap_or_default(),
            ..Default::default()
        };
        self.intake.say(case, accepted).await;
    }

    /// A later case joins an earlier one.
    pub async fn links(&self, case: Uuid, head: Uuid, kind: intake::LinkKind) {
        let linked = intake::CaseLinked {
            case_id: case.to_string(),
            head_case_id: head.to_string(),
            kind: kind.into(),
            linked_at: moment(1),
            left_head_case_id: String::new(),
        };
        self.intake.say(case, linked).await;
    }

    /// A round is closed.
    pub async fn closes(&self, case: Uuid, head: Uuid, round: u32, hours: i64) {
        let closed = intake::CaseClosed {
            case_id: case.to_string(),
            closed_at: moment(hours),
            head_case_id: head.to_string(),
            round,
        };
        self.intake.say(case, closed).await;
    }

    /// The next round begins.
    pub async fn reopens(&self, case: Uuid, round: u32, hours: i64) {
        let reopened = intake::CaseReopened {
            case_id: case.to_string(),
            head_case_id: case.to_string(),
            reopened_at: moment(hours),
            round,
            cause_id: String::new(),
            facts: Some(facts()),
        };
        self.intake.say(case, reopened).await;
    }

    /// An order is dispatched; it must be acknowledged until the fourth hour.
    pub async fn dispatches(&self, case: Uuid, unit: &str, role: common::Role, round: u32) -> Uuid {
        let order = Uuid::now_v7();
        let deadline = |hours| common::Deadline {
            rule: "order.acknowledge".into(),
            anchor_at: moment(0),
            due_at: moment(hours),
            calendar_version: 1,
            citation: None,
        };
        let dispatched = assignment::WorkOrderDispatched {
            work_order_id: order.to_string(),
            case_id: case.to_string(),
            unit_code: unit.into(),
            role: role.into(),
            duty: common::Duty::Punish.into(),
            deadline: Some(deadline(240)),
            acknowledge_deadline: Some(deadline(4)),
            round,
            ..Default::default()
        };
        self.assignment.say(case, dispatched).await;
        order
    }

    /// An order is acknowledged.
    pub async fn acknowledges(&self, case: Uuid, order: Uuid, unit: &str, hours: i64) {
        let acknowledged = assignment::WorkOrderAcknowledged {
            work_order_id: order.to_string(),
            case_id: case.to_string(),
            unit_code: unit.into(),
            acknowledged_at: moment(hours),
        };
        self.assignment.say(case, acknowledged).await;
    }

    /// A unit objects to its order after the case was sent back so often, and the centre decides.
    pub async fn objects(&self, case: Uuid, order: Uuid, hops_before: u32, upheld: bool) {
        let (work_order_id, case_id, unit_code) = (order.to_string(), case.to_string(), "ZF".to_owned());
        let objected = assignment::WorkOrderObjected {
            work_order_id: work_order_id.clone(),
            case_id: case_id.clone(),
            unit_code: unit_code.clone(),
            citation: None,
            objected_at: moment(3),
            hops: hops_before,
        };
        self.assignment.say(case, objected).await;
        let hops = hops_before + u32::from(upheld);
        let decided_at = moment(4);
        let decided =
            assignment::WorkOrderObjectionDecided { work_order_id, case_id, unit_code, upheld, decided_at, hops };
        self.assignment.say(case, decided).await;
    }

    /// Units are consulted, and the centre rules that this one leads.
    pub async fn rules(&self, case: Uuid, lead: &str, round: u32, hours: i64) {
        let opened = assignment::ConsultationOpened { case_id: case.to_string(), ..Default::default() };
        self.assignment.say(case, opened).await;
        let share = |unit: &str, role: common::Role| common::Share {
            unit_code: unit.into(),
            role: role.into(),
            duty: common::Duty::Punish.into(),
            citations: Vec::new(),
        };
        let ruled = assignment::RulingMade {
            case_id: case.to_string(),
            shares: vec![share("JT", common::Role::Support), share(lead, common::Role::Lead)],
            ruled_at: moment(hours),
            round,
            ..Default::default()
        };
        self.assignment.say(case, ruled).await;
    }

    /// The lead has answered for the whole.
    pub async fn handles(&self, case: Uuid, lead: &str, round: u32, hours: i64) {
        let handled = assignment::CaseHandled {
            case_id: case.to_string(),
            lead_unit: lead.into(),
            conclusion: "supported".into(),
            handled_at: moment(hours),
            round,
            ..Default::default()
        };
        self.assignment.say(case, handled).await;
    }

    /// A clock ran out.
    pub async fn breaches(&self, case: Uuid, kind: &str, hours: i64) {
        let deadline = common::Deadline {
            rule: kind.into(),
            anchor_at: moment(0),
            due_at: moment(hours),
            calendar_version: 1,
            citation: None,
        };
        let clock = supervision::Clock {
            kind: kind.into(),
            deadline: Some(deadline),
            holder_unit: "ZF".into(),
            work_order_id: String::new(),
        };
        let breached = supervision::ClocksBreached { case_id: case.to_string(), clocks: vec![clock], late_by_ms: 0 };
        self.supervision.say(case, breached).await;
    }

    /// A case that a unit led alone, closed on the tenth hour; evaluation has heard of it.
    pub async fn a_closed_case(&self, nth: u32, lead: &str) -> Uuid {
        let case = self.registers(nth).await;
        self.accepts(case, nth, None).await;
        let order = self.dispatches(case, lead, common::Role::Lead, 1).await;
        self.acknowledges(case, order, lead, 3).await;
        self.handles(case, lead, 1, 9).await;
        self.closes(case, case, 1, 10).await;
        self.quiet().await;
        case
    }
}
