//! One trace shows a complaint through all five services, over gRPC and over NATS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::time::Duration;

use house_tests::collector::Collector;
use house_tests::desk::{CLERK, Complaint, Desk};
use testkit::HouseOptions;
use tonic::Request;

/// Spans leave in batches, every few seconds.
const WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_client_through_all_five_services() {
    let collector = Collector::start().await.unwrap();
    let house = HouseOptions::default()
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())
        .open()
        .await
        .unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let clerk = desk.as_account(CLERK).await.unwrap();
    let (trace_id, span_id) = (uuid::Uuid::new_v4(), *b"client01");
    let parent = format!("00-{}-{}-01", trace_id.simple(), hex::encode(span_id));
    let mut request = Request::new(Complaint::simple().request());
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    let case = clerk.intake().register_case(request).await.unwrap().into_inner();
    assert!(case.accepted, "the class needs no clerk, so that one call goes all the way");
    desk.rest().await.unwrap();

    let register = "xiezhi.intake.v1.CaseService/RegisterCase";
    let clocks = "assignment hears xiezhi.supervision.v1.ClocksStarted";
    let dispatched = "supervision hears xiezhi.assignment.v1.WorkOrderDispatched";
    let names = [
        register,
        "assignment hears xiezhi.intake.v1.CaseAccepted",
        "supervision hears xiezhi.intake.v1.CaseAccepted",
        "evaluation hears xiezhi.intake.v1.CaseAccepted",
        dispatched,
        "scheduling hears xiezhi.supervision.v1.ClocksStarted",
        clocks,
    ];
    let trace = collector.trace_with(trace_id.as_bytes(), &names, WITHIN).await.unwrap();
    for name in names {
        let line = trace.ancestry(trace.named(name).unwrap());
        let (first, parent) = line.last().unwrap();
        assert_eq!(first, register, "{name} goes back to {line:?}");
        assert_eq!(parent.as_slice(), span_id, "the trace began with the client");
    }
    // The timeline leads a person from the case to its trace.
    let request = xiezhi_proto::supervision::v1::GetTimelineRequest { case_id: case.case_id, ..Default::default() };
    let timeline = clerk.supervision().get_timeline(request).await.unwrap().into_inner();
    assert!(timeline.entries.iter().any(|entry| entry.traceparent.contains(&trace_id.simple().to_string())));
}
