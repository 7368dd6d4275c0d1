//! How much of the main screen is free, as the X server and the window manager say it.

use eframe::egui::{Rect, pos2};
use x11rb::{
    connection::Connection,
    errors::{ConnectError, ConnectionError, ReplyError},
    protocol::{
        randr::ConnectionExt as _,
        xproto::{AtomEnum, ConnectionExt as _, Window},
    },
    rust_connection::RustConnection,
};

/// The display does not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AreaError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It broke.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// It answered with an error.
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

/// The main monitor without the desktop's panels, in pixels of the display.
pub(crate) fn of_x11() -> Result<Rect, AreaError> {
    let (connection, screen) = x11rb::connect(None)?;
    let screen = &connection.setup().roots[screen];
    let whole = rect(0, 0, u32::from(screen.width_in_pixels), u32::from(screen.height_in_pixels));
    let monitor = main_monitor(&connection, screen.root)?.unwrap_or(whole);
    let free = work_area(&connection, screen.root)?.map_or(monitor, |area| monitor.intersect(area));
    // What the window manager says may be of before a monitor was changed.
    Ok(if free.is_positive() { free } else { monitor })
}

fn main_monitor(connection: &RustConnection, root: Window) -> Result<Option<Rect>, AreaError> {
    let monitors = connection.randr_get_monitors(root, true)?.reply()?.monitors;
    let main = monitors.iter().find(|monitor| monitor.primary).or(monitors.first());
    Ok(main.map(|m| rect(i32::from(m.x), i32::from(m.y), u32::from(m.width), u32::from(m.height))))
}

/// `_NET_WORKAREA` of the first virtual desktop.
fn work_area(connection: &RustConnection, root: Window) -> Result<Option<Rect>, AreaError> {
    let atom = connection.intern_atom(true, b"_NET_WORKAREA")?.reply()?.atom;
    if atom == x11rb::NONE {
        return Ok(None);
    }
    let reply = connection.get_property(false, root, atom, AtomEnum::CARDINAL, 0, 4)?.reply()?;
    let values: Vec<u32> = reply.value32().into_iter().flatten().collect();
    Ok(match values[..] {
        [x, y, width, height] => Some(rect(x as i32, y as i32, width, height)),
        _ => None,
    })
}

fn rect(x: i32, y: i32, width: u32, height: u32) -> Rect {
    let (x, y) = (x as f32, y as f32);
    Rect::from_min_max(pos2(x, y), pos2(x + width as f32, y + height as f32))
}
