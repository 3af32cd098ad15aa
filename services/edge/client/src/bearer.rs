//! What travels with every call: the token and the trace.

use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry::propagation::Injector;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Puts the bearer token and the W3C trace context into each call. Clones share the token, so a renewal reaches all of them.
#[derive(Clone, Default)]
pub struct Bearer {
    token: Arc<RwLock<Option<MetadataValue<Ascii>>>>,
}

impl Bearer {
    /// Uses another token from now on; an unusable one is refused.
    pub fn set(&self, token: &str) -> Result<(), tonic::metadata::errors::InvalidMetadataValue> {
        let value = if token.is_empty() { None } else { Some(secret(token)?) };
        // Whoever panicked while holding the lock can have left nothing half done: the value is replaced whole.
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }
}

fn secret(token: &str) -> Result<MetadataValue<Ascii>, tonic::metadata::errors::InvalidMetadataValue> {
    let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse()?;
    value.set_sensitive(true);
    Ok(value)
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer")
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = self.token.read().unwrap_or_else(PoisonError::into_inner).clone() {
            request.metadata_mut().insert("authorization", token);
        }
        let context = tracing::Span::current().context();
        opentelemetry::global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&context, &mut Metadata(request.metadata_mut()));
        });
        Ok(request)
    }
}

struct Metadata<'call>(&'call mut MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert::<MetadataKey<Ascii>>(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn a_renewed_token_reaches_every_clone() {
        let bearer = Bearer::default();
        let mut clone = bearer.clone();
        bearer.set("first").unwrap();
        bearer.set("second").unwrap();
        let sent = clone.call(Request::new(())).unwrap();
        assert_eq!(sent.metadata().get("authorization").unwrap(), "Bearer second");
    }

    #[test]
    fn a_token_shows_neither_in_debug_output_nor_in_its_header() {
        let mut bearer = Bearer::default();
        bearer.set("s3cret").unwrap();
        let sent = bearer.call(Request::new(())).unwrap();
        assert!(!format!("{bearer:?} {:?}", sent.metadata()).contains("s3cret"));
    }

    #[test]
    fn a_token_that_cannot_be_a_header_is_refused() {
        assert!(Bearer::default().set("line\nbreak").is_err());
    }

    #[test]
    fn without_a_token_nothing_is_sent() {
        let sent = Bearer::default().call(Request::new(())).unwrap();
        assert!(sent.metadata().get("authorization").is_none());
    }
}
