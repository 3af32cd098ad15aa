//! What a complainant was told stays what it was, whatever is answered later.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use client::call;
use house_tests::desk::{CLERK, Complaint, Desk, SUPERVISOR};
use testkit::HouseOptions;
use xiezhi_proto::intake::v1::{GetByTrackingCodeRequest, GetNoticeRequest, ListNoticesRequest, Notice, NoticeKind};
use xiezhi_proto::supervision::v1::RefuseClosingRequest;

/// The words of the replies, in the order in which they were served.
fn replies(notices: &[Notice]) -> Vec<&str> {
    let replies = notices.iter().filter(|notice| notice.kind() == NoticeKind::Reply);
    replies.map(|notice| notice.reply.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_was_served_keeps_its_words_when_the_round_is_answered_once_more() {
    let house = HouseOptions::default().open().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let case = desk.register(&Complaint::simple()).await.unwrap();
    desk.handle(&case.case_id, "垃圾箱已经扶正").await.unwrap();
    let sent_back = desk.orders(&case.case_id).await.unwrap().remove(0);
    let supervisor = desk.as_account(SUPERVISOR).await.unwrap();
    supervisor
        .command(|command_id| {
            let request = RefuseClosingRequest {
                command_id,
                case_id: case.case_id.clone(),
                work_order_id: sent_back.work_order_id.clone(),
                reason_code: "not_resolved".to_owned(),
            };
            call!(supervisor.supervision().refuse_closing(request))
        })
        .await
        .unwrap();
    desk.handle(&case.case_id, "垃圾箱已经更换").await.unwrap();

    let clerk = desk.as_account(CLERK).await.unwrap();
    let request = GetByTrackingCodeRequest { tracking_code: case.tracking_code.clone() };
    let progress = clerk.read(|| call!(clerk.intake().get_by_tracking_code(request.clone()))).await.unwrap();
    let request = ListNoticesRequest { case_id: case.case_id.clone() };
    let listed = clerk.read(|| call!(clerk.intake().list_notices(request.clone()))).await.unwrap();
    let mut read = Vec::new();
    for notice in &listed.notices {
        let request = GetNoticeRequest { notice_id: notice.notice_id.clone() };
        let answer = clerk.read(|| call!(clerk.intake().get_notice(request.clone()))).await.unwrap();
        assert!(!answer.incomplete, "{answer:?}");
        read.extend(answer.notice);
    }
    assert!(!progress.incomplete && !listed.incomplete);
    for notices in [&progress.notices, &listed.notices, &read] {
        let words = replies(notices);
        assert_eq!(words.len(), 2, "{notices:?}");
        assert!(words[0].contains("扶正") && words[1].contains("更换"), "{words:?}");
    }
    desk.close(&case.case_id).await.unwrap();
    desk.verify().await.unwrap();
}
