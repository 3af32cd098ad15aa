//! Every RPC of the contract, and what a person types to call it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeSet;
use std::path::Path;

use clap::Parser;

use crate::{Cli, reflect};

/// An RPC by its short name, and a command line that calls it.
const VERBS: &[(&str, &str)] = &[
    (
        "intake.CaseService/RegisterCase",
        "case register --title x --body x --matter m --region 330421103 --channel phone",
    ),
    ("intake.CaseService/GetCase", "case show JS-2026-000001"),
    ("intake.CaseService/ListCases", "case list --stage accepted --limit 300"),
    ("intake.CaseService/AcceptCase", "case accept JS-2026-000001"),
    ("intake.CaseService/DeclineCase", "case decline JS-2026-000001 --rule R"),
    ("intake.CaseService/RouteAwayCase", "case route-away JS-2026-000001 --rule R"),
    ("intake.CaseService/ReceiptRoute", "case receipt JS-2026-000001 --number 7"),
    ("intake.CaseService/ReturnCaseFromRoute", "case return JS-2026-000001 --reason not-theirs"),
    ("intake.CaseService/WithdrawCase", "case withdraw JS-2026-000001"),
    ("intake.CaseService/AddCaseFacts", "case add-facts JS-2026-000001 a=true"),
    ("intake.CaseService/LinkCases", "case link JS-2026-000002 --to JS-2026-000001"),
    ("intake.CaseService/ListClusterCandidates", "case candidates JS-2026-000001"),
    ("intake.CaseService/RevealContact", "case reveal JS-2026-000001 --purpose callback --reason x"),
    ("intake.CaseService/ListReveals", "case reveals --case JS-2026-000001 --by centre.window1 --limit 5"),
    ("intake.CaseService/ReadMaskedText", "case text JS-2026-000001"),
    ("intake.CaseService/ConfirmMaskedText", "case confirm-text JS-2026-000001 --title 露天烧烤 --body-file text.txt"),
    ("intake.CaseService/ForgetComplainant", "case forget JS-2026-000001"),
    ("intake.CaseService/GetByTrackingCode", "case track ABCD-EFGH-JKLM"),
    ("intake.CaseService/ListNotices", "case notices JS-2026-000001"),
    ("intake.CaseService/ListOpenTasks", "task list"),
    ("assignment.AssignmentService/AnswerDiagnosis", "diagnosis answer JS-2026-000001 --stance mine"),
    ("assignment.AssignmentService/MakeDiagnosis", "diagnosis make JS-2026-000001"),
    ("assignment.AssignmentService/GetDiagnosis", "diagnosis show JS-2026-000001"),
    ("assignment.AssignmentService/GetDetermination", "determination show JS-2026-000001"),
    ("assignment.AssignmentService/Determine", "determination try --matter m --region 330421103 --fact a=true"),
    ("assignment.AssignmentService/TakePosition", "consultation position JS-2026-000001 --stance mine --reason x"),
    ("assignment.AssignmentService/GetConsultation", "consultation show JS-2026-000001"),
    ("assignment.AssignmentService/ListConsultations", "consultation list --open"),
    ("assignment.AssignmentService/Rule", "consultation rule JS-2026-000001 --share ZF:punish:PI012 --grounds x"),
    ("assignment.AssignmentService/ListPrecedents", "precedent list --active --matter m --limit 5"),
    ("assignment.AssignmentService/ListWorkOrders", "work-order list --case JS-2026-000001"),
    ("assignment.AssignmentService/GetWorkOrder", "work-order show JS-2026-000001/HB"),
    ("assignment.AssignmentService/WatchWorkOrders", "work-order watch --unit HB --after 3 --limit 5"),
    ("assignment.AssignmentService/AcknowledgeWorkOrder", "work-order acknowledge JS-2026-000001/HB"),
    ("assignment.AssignmentService/ObjectToWorkOrder", "work-order object JS-2026-000001/HB --reason x"),
    ("assignment.AssignmentService/DecideObjection", "work-order decide-objection JS-2026-000001/HB --grounds x"),
    ("assignment.AssignmentService/ReportProgress", "work-order report JS-2026-000001/HB --text x"),
    (
        "assignment.AssignmentService/CompleteWorkOrder",
        "work-order complete JS-2026-000001/HB --outcome punished --evidence x",
    ),
    ("assignment.AssignmentService/EscalateCase", "work-order escalate JS-2026-000001 --reason x"),
    (
        "assignment.AssignmentService/CompleteCase",
        "work-order complete-case JS-2026-000001 --conclusion supported --reply x",
    ),
    ("assignment.AssignmentService/GetReply", "case reply JS-2026-000001 --round 1"),
    ("assignment.AssignmentService/ListPowerItems", "list show --matter m"),
    ("assignment.AssignmentService/ListResponsibilities", "verify"),
    ("assignment.AssignmentService/ListOpenTasks", "task list --unit HB"),
    ("assignment.AssignmentService/ReassignWorkOrder", "work-order reassign JS-2026-000001/HB --person HB-P04"),
    (
        "assignment.AssignmentService/SettleFollowUp",
        "work-order settle-follow-up JS-2026-000001/WL --reason item-not-listed --to ZF --item PI018",
    ),
    ("assignment.AccountService/DisableAccount", "account disable ZF.handler"),
    ("assignment.AccountService/RegisterAccountKey", "account register-key ZF.handler --public-key 0a"),
    ("scheduling.OperationService/ListOperations", "operation list"),
    ("scheduling.OperationService/GetOperation", "operation show JS-2026-000001"),
    ("scheduling.OperationService/PreviewPlan", "operation preview JS-2026-000001"),
    ("scheduling.OperationService/ApproveOperation", "operation approve JS-2026-000001"),
    ("scheduling.OperationService/RejectOperation", "operation reject JS-2026-000001 --reason weather"),
    ("scheduling.OperationService/ConfirmParticipation", "operation confirm JS-2026-000001"),
    ("scheduling.OperationService/DeclineParticipation", "operation decline JS-2026-000001 --reason weather"),
    (
        "scheduling.OperationService/ReplaceOfficers",
        "operation replace-officers JS-2026-000001 --unit ZF --officer ZF-O03 --officer ZF-O04",
    ),
    (
        "scheduling.OperationService/RescheduleOperation",
        "operation reschedule JS-2026-000001 --reason weather --not-before 2026-03-09",
    ),
    ("scheduling.OperationService/CheckIn", "operation check-in JS-2026-000001 --officer ZF-O03"),
    ("scheduling.OperationService/StartOperation", "operation start JS-2026-000001"),
    ("scheduling.OperationService/RecordInspection", "operation record JS-2026-000001 --finding HB:violation"),
    ("scheduling.OperationService/ConcludeOperation", "operation conclude JS-2026-000001"),
    ("scheduling.OperationService/CancelOperation", "operation cancel JS-2026-000001 --reason weather"),
    (
        "scheduling.OperationService/ListBookings",
        "operation bookings --unit ZF --of ZF-O03 --from 2026-03-05 --released",
    ),
    ("scheduling.OperationService/ListOpenTasks", "task list --case JS-2026-000001"),
    ("scheduling.OfficerService/ListOfficers", "officer list --unit ZF --on 2026-03-05"),
    (
        "scheduling.OfficerService/RecordCertificate",
        "officer record-certificate ZF-O01 --number ZJ1 --from 2026-03-01 --to 2031-02-28",
    ),
    ("scheduling.OfficerService/SuspendOfficer", "officer suspend ZF-O01 --reason investigation"),
    ("scheduling.OfficerService/ReinstateOfficer", "officer reinstate ZF-O01"),
    ("supervision.SupervisionService/ListClocks", "clock show JS-2026-000001"),
    ("supervision.SupervisionService/ListDue", "clock list --unit ZF"),
    ("supervision.SupervisionService/ExtendClock", "clock extend JS-2026-000001 finish --by 30 --reason 需要鉴定"),
    (
        "supervision.SupervisionService/PauseClock",
        "clock pause JS-2026-000001 order.finish --unit HB --reason technical_finding",
    ),
    ("supervision.SupervisionService/ResumeClock", "clock resume JS-2026-000001 order.finish"),
    ("supervision.SupervisionService/ListSupervisionOrders", "supervision-order list --unanswered"),
    ("supervision.SupervisionService/AnswerSupervisionOrder", "supervision-order answer x --text x"),
    ("supervision.SupervisionService/GetClosingProof", "closing show JS-2026-000001"),
    ("supervision.SupervisionService/ListClosings", "closing list"),
    ("supervision.SupervisionService/ApproveClosing", "closing approve JS-2026-000001"),
    ("supervision.SupervisionService/RefuseClosing", "closing refuse JS-2026-000001 --order HB --reason procedure"),
    ("supervision.SupervisionService/GetTimeline", "case timeline JS-2026-000001 --all"),
    ("supervision.SupervisionService/ListOpenTasks", "task list"),
    ("evaluation.EvaluationService/ListCallbacks", "callback list"),
    ("evaluation.EvaluationService/GetCallback", "callback show x"),
    ("evaluation.EvaluationService/RecordCallback", "callback record JS-2026-000001 --responded"),
    ("evaluation.EvaluationService/DecideAdjudication", "callback adjudicate JS-2026-000001 --reason x"),
    ("evaluation.EvaluationService/GetRates", "rates show --from 2026-03-01 --to 2026-03-31"),
    ("evaluation.EvaluationService/ListCaseFacts", "rates cases --unit ZF --from 2026-03-01"),
    ("evaluation.EvaluationService/ListOpenTasks", "task list"),
    ("bus.BusService/HighWater", "verify"),
    ("bus.BusService/ReadJournal", "verify"),
    ("bus.BusService/ListCursors", "bus cursors"),
    ("bus.BusService/ListParked", "bus parked list"),
    ("bus.BusService/DecideParked", "bus parked retry supervision/intake/7 --why x"),
    ("bus.BusService/RecoverJournal", "bus recover intake"),
    ("bus.BusService/ListAffected", "bus diverged list --all"),
    ("bus.BusService/SettleAffected", "bus diverged settle supervision/intake/x --why x"),
    ("bus.BusService/ListTimers", "verify"),
    ("bus.BusService/FindCommand", "verify --history commands.txt"),
    ("bus.BusService/CheckStream", "verify"),
    ("bus.BusService/GetClock", "clock now"),
    ("bus.BusService/TurnClock", "clock turn --by 3d"),
    ("bus.BusService/ConfirmClock", "clock confirm"),
    ("bus.BusService/PublishBundle", "pack apply x"),
    ("bus.BusService/GetBundle", "pack diff x"),
    ("bus.BlobService/UploadBlob", "work-order complete JS-2026-000001/HB --outcome punished --evidence x"),
    ("bus.BlobService/DownloadBlob", "pack diff x"),
];

/// RPCs that nobody types, and why.
const WITHOUT_A_VERB: &[(&str, &str)] = &[
    ("assignment.AccountService/CreateChallenge", "the client asks for it wherever --account and --key are given"),
    ("assignment.AccountService/IssueToken", "the client trades the signed challenge for it, and renews it by itself"),
    ("intake.CaseService/GetNotice", "`case notices` shows every notice of a case in full"),
];

/// More ways of typing them.
const ALSO: &[&str] = &[
    "operation replace-officers JS-2026-000001",
    "case confirm-text JS-2026-000001",
    "case reveals",
    "account new-key --out zf.pem",
    "bus parked skip supervision/intake/7 --why x",
    "bus recover intake --accept-loss --why x",
    "task list --limit 5",
];

const WRONG: &[&str] = &[
    "operation reschedule JS-2026-000001",
    "officer record-certificate ZF-O01 --number ZJ1",
    "officer suspend ZF-O01",
    "clock extend JS-2026-000001 finish --by many --reason 需要鉴定",
    "clock pause JS-2026-000001 --reason hearing",
    "case confirm-text JS-2026-000001 --body x --body-file y",
    "work-order reassign JS-2026-000001/HB",
    "work-order settle-follow-up JS-2026-000001/WL --reason item-not-listed --item PI018",
    "work-order settle-follow-up JS-2026-000001/WL --reason case-ended",
    "account disable",
    "account new-key",
    "account register-key ZF.handler",
    "case list --limit 0",
    "bus recover nobody",
    "bus recover intake --accept-loss",
    "bus diverged settle supervision/intake/x",
];

fn parses(typed: &str) -> bool {
    Cli::try_parse_from(std::iter::once("xiezhi").chain(typed.split(' '))).is_ok()
}

/// The contract's RPCs, by their short names.
fn rpcs() -> BTreeSet<String> {
    let services = reflect::pool().unwrap().services().filter(|service| service.full_name().starts_with("xiezhi."));
    services
        .flat_map(|service| {
            let short = service.full_name().trim_start_matches("xiezhi.").replace(".v1.", ".");
            service.methods().map(move |method| format!("{short}/{}", method.name())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_rpc_for_people_has_its_verb() {
    let rpcs = rpcs();
    assert!(rpcs.len() > 90, "only {}", rpcs.len());
    let named: Vec<&str> = VERBS.iter().chain(WITHOUT_A_VERB).map(|(rpc, _)| *rpc).collect();
    let known: BTreeSet<String> = named.iter().map(|rpc| (*rpc).to_owned()).collect();
    assert_eq!(known.len(), named.len(), "an RPC stands twice");
    let missing: Vec<&String> = rpcs.difference(&known).collect();
    assert!(missing.is_empty(), "nobody can call {missing:?}: give them verbs, or say why they need none");
    let invented: Vec<&String> = known.difference(&rpcs).collect();
    assert!(invented.is_empty(), "the contract has no {invented:?}");
    for typed in VERBS.iter().map(|(_, typed)| *typed).chain(ALSO.iter().copied()) {
        assert!(parses(typed), "{typed}");
    }
    for wrong in WRONG {
        assert!(!parses(wrong), "{wrong}");
    }
}

/// A verb that parses may still call something else: the call itself must stand in our sources, or in the client's.
#[test]
fn every_rpc_with_a_verb_is_called() {
    let mut sources = String::new();
    for folder in ["src", "../client/src"] {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut sources);
    }
    let never: Vec<&str> = VERBS
        .iter()
        .map(|(rpc, _)| *rpc)
        .filter(|rpc| {
            let (service, method) = rpc.split_once('/').unwrap();
            let (door, method) = (door(service), snake(method));
            let direct = format!(".{door}.{method}(");
            // Several calls of one kind are written as one macro, which names the door once.
            let by_macro = format!("send!({method}(");
            // The bus has one door for each service, under many names.
            let on_a_bus = rpc.starts_with("bus.") && sources.contains(&format!(".{method}("));
            !sources.contains(&direct) && !sources.contains(&by_macro) && !on_a_bus
        })
        .collect();
    assert_eq!(never, [""; 0]);
}

/// How the client names a service's door.
fn door(service: &str) -> &str {
    match service {
        "intake.CaseService" => "intake()",
        "assignment.AssignmentService" => "assignment()",
        "assignment.AccountService" => "accounts()",
        "scheduling.OperationService" => "scheduling()",
        "scheduling.OfficerService" => "officers()",
        "supervision.SupervisionService" => "supervision()",
        "evaluation.EvaluationService" => "evaluation()",
        _ => "bus(service)",
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Everything that is written in a folder, without white space, so that a call may stand on several lines.
fn read(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.file_name().is_some_and(|name| name != "coverage.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            sources.extend(text.chars().filter(|letter| !letter.is_whitespace()));
        }
    }
}
