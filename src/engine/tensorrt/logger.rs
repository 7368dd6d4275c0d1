//! TensorRT's messages: into the log, and the last errors kept for the error that is given back.

use std::sync::{Mutex, OnceLock, PoisonError};

use trtx::{LogHandler, Logger, Severity};

/// The library and everything made with it keep a pointer to the logger, so it stays.
static LOGGER: OnceLock<Option<Logger>> = OnceLock::new();
static ERRORS: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Errors that are kept: the first ones say why, what follows says that it failed.
const KEPT: usize = 4;

struct Handler;

impl LogHandler for Handler {
    fn log(&self, severity: Severity, message: &str) {
        match severity {
            Severity::InternalError | Severity::Error => {
                log::debug!("TensorRT: {message}");
                let mut errors = ERRORS.lock().unwrap_or_else(PoisonError::into_inner);
                if errors.len() < KEPT {
                    errors.push(message.trim().to_owned());
                }
            }
            Severity::Warning => log::info!("TensorRT: {message}"),
            Severity::Info | Severity::Verbose => log::trace!("TensorRT: {message}"),
        }
    }
}

/// The logger of the process.
pub(super) fn logger() -> Result<&'static Logger, String> {
    let logger = LOGGER.get_or_init(|| Logger::new(Handler).ok()).as_ref();
    logger.ok_or_else(|| "its logger cannot be made".to_owned())
}

/// Forgets what was said before; returns an error's text with what TensorRT said since.
pub(super) fn begin() -> impl Fn(trtx::Error) -> String {
    ERRORS.lock().unwrap_or_else(PoisonError::into_inner).clear();
    |error| {
        let said = std::mem::take(&mut *ERRORS.lock().unwrap_or_else(PoisonError::into_inner));
        // What the GPU is like it asks even where it needs none.
        let said: Vec<_> =
            said.into_iter().filter(|text| !text.contains("Error reading CUDA GPU properties")).collect();
        // The loader's cause stands only in the long form.
        let own = if let trtx::Error::Libloading(cause) = &error { format!("{cause:?}") } else { error.to_string() };
        if said.is_empty() { own } else { said.join("; ") }
    }
}
