//! `operation bookings`: whose time is taken, and by which operation.

use client::{call, moment};
use xiezhi_proto::scheduling::v1::{Booking, ListBookingsRequest, ListBookingsResponse};

use super::View;
use super::operation::typed_moment;
use crate::args::BookingsArgs;
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::say::Word;
use crate::screen::{Answer, Table, time};
use crate::session::Session;

/// Bookings of officers and things, in the order of beginning.
pub async fn list(session: &Session, args: BookingsArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let asked = ListBookingsRequest {
        unit_code: args.unit,
        subject_code: args.of,
        from: typed_moment(args.from.as_ref())?,
        until: typed_moment(args.until.as_ref())?,
        with_released: args.released,
        ..ListBookingsRequest::default()
    };
    let listed = paged::up_to(args.limit.limit, 500, |page_size, page_token| {
        let request = ListBookingsRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = centre.read(|| call!(centre.scheduling().list_bookings(request.clone()))).await?;
            Ok((page.bookings, page.next_page_token))
        }
    });
    let Listed { items: bookings, next_page_token } = listed.await?;
    let page = ListBookingsResponse { bookings, next_page_token };
    let view = View::of(session).await?;
    let rows = render(&page.bookings, &view);
    let text = paged::shown(&rows, page.bookings.is_empty(), &page.next_page_token, view.lang);
    Ok(Answer::new(json(&page)?, text))
}

fn render(bookings: &[Booking], view: &View<'_>) -> String {
    let words = [Word::ColumnTime, Word::ColumnName, Word::ColumnUnit, Word::ColumnState, Word::ColumnOperation];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for booking in bookings {
        let span = moment(booking.starts_at.as_ref()).zip(moment(booking.ends_at.as_ref()));
        let code = &booking.subject_code;
        let name = if booking.subject_kind == "officer" { view.names.person(code) } else { view.names.resource(code) };
        table.row([
            span.map(|(from, to)| time::span(from, to, view.now, view.lang)).unwrap_or_default(),
            if name == code { name.to_owned() } else { format!("{code} {name}") },
            view.names.unit(&booking.unit_code).to_owned(),
            view.word(&format!("booking.{}", booking.state)).to_owned(),
            booking.operation_id.clone(),
        ]);
    }
    table.render()
}
