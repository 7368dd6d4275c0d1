//! Ctrl+C as a wish to stop, for what is long and can be taken up again.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;

/// Set by the first Ctrl+C; the second one ends the program where it stands, which loses no more than a moment's bytes.
pub(super) fn cancelled_by_ctrl_c() -> anyhow::Result<Arc<AtomicBool>> {
    let cancel = Arc::new(AtomicBool::new(false));
    ctrlc::set_handler({
        let cancel = Arc::clone(&cancel);
        move || {
            if cancel.swap(true, Ordering::SeqCst) {
                process::exit(1);
            }
        }
    })
    .context("cannot catch Ctrl+C")?;
    Ok(cancel)
}
