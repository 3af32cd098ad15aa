//! `officer …`: certificates as they now stand.

use client::call;
use xiezhi_proto::scheduling::v1 as scheduling;
use xiezhi_proto::scheduling::v1::{Certificate, Officer};

use super::View;
use crate::args::OfficerCommand;
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::say::{Lang, Say, Word};
use crate::screen::{Answer, Table};
use crate::session::Session;

/// Does what an `officer` verb says.
pub async fn run(session: &Session, command: OfficerCommand) -> Result<Answer, Failure> {
    let centre = &session.centre;
    macro_rules! send {
        ($method:ident($request:ident { $($field:ident),* })) => {{
            let done = centre
                .command(|command_id| {
                    let request = scheduling::$request { command_id, $($field: $field.clone()),* };
                    call!(centre.officers().$method(request))
                })
                .await?;
            (json(&done)?, done.officer)
        }};
    }
    let (json, officer) = match command {
        OfficerCommand::List { unit, on, limit } => return list(session, unit, on, limit.limit).await,
        OfficerCommand::RecordCertificate { officer, number, from, to } => {
            let officer_code = officer.officer;
            let certificate = Some(Certificate { number, valid_from: from, valid_to: to });
            send!(record_certificate(RecordCertificateRequest { officer_code, certificate }))
        }
        OfficerCommand::Suspend { officer, reason: reason_code } => {
            let officer_code = officer.officer;
            send!(suspend_officer(SuspendOfficerRequest { officer_code, reason_code }))
        }
        OfficerCommand::Reinstate(officer) => {
            let officer_code = officer.officer;
            send!(reinstate_officer(ReinstateOfficerRequest { officer_code }))
        }
    };
    let view = View::of(session).await?;
    Ok(Answer::new(json, render(officer.as_slice(), &view)))
}

async fn list(session: &Session, unit_code: String, on: String, limit: u32) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let listed = paged::up_to(limit, 500, |page_size, page_token| {
        let (unit_code, on) = (unit_code.clone(), on.clone());
        let request = scheduling::ListOfficersRequest { unit_code, on, page_size, page_token };
        async move {
            let page = centre.read(|| call!(centre.officers().list_officers(request.clone()))).await?;
            Ok((page.officers, page.next_page_token))
        }
    });
    let Listed { items: officers, next_page_token } = listed.await?;
    let page = scheduling::ListOfficersResponse { officers, next_page_token };
    let view = View::of(session).await?;
    let text = paged::shown(&render(&page.officers, &view), page.officers.is_empty(), &page.next_page_token, view.lang);
    Ok(Answer::new(json(&page)?, text))
}

fn render(officers: &[Officer], view: &View<'_>) -> String {
    let words = [
        Word::ColumnId,
        Word::ColumnOfficers,
        Word::ColumnUnit,
        Word::ColumnCertificate,
        Word::ColumnValidity,
        Word::ColumnState,
    ];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for officer in officers {
        let (number, valid) = match officer.certificate.clone() {
            Some(Certificate { number, valid_from: from, valid_to: to }) => {
                (number, view.say(&Say::ValidFromTo { from, to }))
            }
            None => (String::new(), String::new()),
        };
        table.row([
            officer.officer_code.clone(),
            view.names.person(&officer.officer_code).to_owned(),
            view.names.unit(&officer.unit_code).to_owned(),
            number,
            valid,
            state(officer, view),
        ]);
    }
    table.render()
}

/// Whether the person may act as an officer, and why not.
fn state(officer: &Officer, view: &View<'_>) -> String {
    match &officer.bar {
        Some(bar) if view.lang == Lang::Zh => bar.zh.clone(),
        Some(bar) => bar.en.clone(),
        None => Word::MayAct.text(view.lang).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use xiezhi_proto::scheduling::v1::Sentence;

    use super::*;
    use crate::names::Names;

    #[test]
    fn officers_are_listed_with_their_certificates_and_why_they_may_not_act() {
        let certificate = Certificate {
            number: "ZJ3304001001".to_owned(),
            valid_from: "2024-03-01".to_owned(),
            valid_to: "2029-02-28".to_owned(),
        };
        let officer = Officer {
            officer_code: "ZF-O01".to_owned(),
            unit_code: "ZF".to_owned(),
            certificate: Some(certificate),
            eligible: true,
            ..Officer::default()
        };
        let bar = Sentence { zh: "没有执法证".to_owned(), en: "has no certificate".to_owned() };
        let assistant = Officer {
            officer_code: "ZF-A01".to_owned(),
            unit_code: "ZF".to_owned(),
            auxiliary: true,
            bar: Some(bar),
            ..Officer::default()
        };
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: jiff::Timestamp::UNIX_EPOCH };
        let expected = "\
编号    人员    单位  执法证        有效期                    状态
ZF-O01  ZF-O01  ZF    ZJ3304001001  2024-03-01 至 2029-02-28  可以执法
ZF-A01  ZF-A01  ZF                                            没有执法证
";
        assert_eq!(render(&[officer, assistant], &view), expected);
    }
}
